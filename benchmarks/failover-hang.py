"""The write pause after the primary hangs (SIGSTOP). ``make bench NAME=failover-hang``, with ROUNDS=… likewise."""

from rounds import hang, run

if __name__ == "__main__":
    run("failover-hang", hang, is_emergency=True)
