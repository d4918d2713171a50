"""The write pause of a planned change of primary. ``make bench NAME=switchover``, with ROUNDS=… for another number."""

from rounds import run, switch

if __name__ == "__main__":
    run("switchover", switch, is_emergency=False)
