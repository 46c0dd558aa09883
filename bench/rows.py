"""What is measured, and what must be reached."""

from dataclasses import dataclass, field

from servers import Bare, Carillon, Nats, Nchan


@dataclass(frozen=True)
class Contestant:
    title: str
    server: type
    arguments: tuple = ()


CONTESTANTS = {
    "bare-each": Contestant("bare loop, one send each", Bare, ("--bare", "each")),
    "bare-turn": Contestant("bare loop, one write per turn", Bare, ("--bare", "turn")),
    "carillon": Contestant("carillon", Carillon),
    "carillon-fifo": Contestant("carillon, fifo", Carillon, ("--type", "fifo")),
    "nchan": Contestant("nginx + nchan", Nchan),
    "nats": Contestant("nats-server", Nats),
}
ALL = tuple(CONTESTANTS)
SLOW = ("bare-each", "nchan")  # those that do not join messages get fewer of them


@dataclass(frozen=True)
class Row:
    title: str
    arguments: tuple
    figures: tuple  # (key in the generator's JSON, what it is); the first decides which run is the median
    contestants: tuple = ALL
    messages: int = 0
    messages_slow: int = 0
    targets: tuple = field(default=())  # (key, "at most" | "at least", value, what it is, factor from the key)

    def command(self, contestant, quick=False):
        messages = self.messages_slow if contestant in SLOW and self.messages_slow else self.messages
        arguments = list(self.arguments)
        if messages:
            arguments += ["--messages", str(max(messages // 20, 100) if quick else messages)]
        if quick:
            at = arguments.index("--connections") + 1
            arguments[at] = str(max(int(arguments[at]) // 10, 8))
        return arguments + list(CONTESTANTS[contestant].arguments)


CPU = ("serverCpuMicrosPerDelivery", "server CPU µs per delivery")
RATE = ("deliveriesPerSecond", "deliveries/s")
P50 = ("latencyMicros.p50", "p50 µs")
P99 = ("latencyMicros.p99", "p99 µs")
JOINED = ("messagesPerRead", "messages per read")


def fanout(in_flight, messages, messages_slow, target):
    return Row(f"fan-out 1 → 1,000, 128 bytes, {in_flight} in flight",
               ("fanout", "--connections", "1000", "--size", "128", "--in-flight", str(in_flight)),
               (CPU, RATE, P50, P99, JOINED), messages=messages, messages_slow=messages_slow,
               targets=(("serverCpuMicrosPerDelivery", "at most", target, "µs CPU per delivery", 1),))


ROWS = {
    "fanout-1": fanout(1, 1000, 1000, 4.5),
    "fanout-16": fanout(16, 5000, 500, 0.8),
    "fanout-128": fanout(128, 20000, 1000, 0.3),
    "one-to-one": Row("one-to-one over 1,000 channels, 64 in flight",
                      ("one-to-one", "--connections", "1000", "--size", "128", "--in-flight", "64"),
                      (CPU, RATE, P50, P99), messages=200000,
                      targets=(("serverCpuMicrosPerDelivery", "at most", 14, "µs CPU per message", 1),)),
    "latency": Row("one-to-one at 2,000 messages/s",
                   ("one-to-one", "--connections", "1000", "--size", "128", "--rate", "2000"),
                   (P50, ("latencyMicros.p90", "p90 µs"), P99, ("latencyMicros.max", "max µs"), CPU), messages=10000,
                   contestants=("bare-turn", "carillon", "carillon-fifo", "nchan", "nats"),
                   targets=(("latencyMicros.p50", "at most", 0.4, "ms p50", 1e-3),
                            ("latencyMicros.p99", "at most", 2, "ms p99", 1e-3))),
    "idle": Row("10,000 idle connections", ("idle", "--connections", "10000"),
                (("privateKibPerConnection", "KiB of process memory per connection"),
                 ("connectsPerSecond", "connects/s"), ("serverCpuMicrosPerConnect", "server CPU µs per connect"),
                 ("closedCleanly", "closed cleanly")),
                contestants=("bare-turn", "carillon", "nchan", "nats"),
                targets=(("privateKibPerConnection", "at most", 3, "KiB per idle connection", 1),
                         ("connectsPerSecond", "at least", 20000, "connects/s", 1))),
    "publish": Row("publishes of 64 senders, one in flight each", ("publish", "--connections", "64", "--size", "128"),
                   (("publishesPerSecond", "answered/s"), P50, P99,
                    ("serverCpuMicrosPerPublish", "server CPU µs per publish")),
                   messages=200000, contestants=("carillon", "carillon-fifo", "nchan", "nats"),
                   targets=(("publishesPerSecond", "at least", 30000, "publishes/s", 1),)),
    "publish-batch": Row("publishes of 64 senders, in batches of 100",
                         ("publish", "--connections", "64", "--size", "128", "--batch", "100"),
                         (("publishesPerSecond", "answered/s"), P50, P99,
                          ("serverCpuMicrosPerPublish", "server CPU µs per publish")),
                         messages=500000, contestants=("carillon", "carillon-fifo"),
                         targets=(("publishesPerSecond", "at least", 60000, "publishes/s in batches", 1),)),
}

# How many things went wrong, in the order in which they are named beside a row.
FLAWS = ("lost", "duplicated", "stray", "refused", "unanswered", "disconnected")
