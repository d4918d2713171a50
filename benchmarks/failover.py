"""The write pause after kill -9 of the primary. ``make bench NAME=failover``, with ROUNDS=… for another number."""

from rounds import kill, run

if __name__ == "__main__":
    run("failover", kill, is_emergency=True)
