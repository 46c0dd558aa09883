#include "cli/bench/bench.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/bench/driver.hpp"
#include "cli/bench/histogram.hpp"
#include "cli/bench/http_answer.hpp"
#include "cli/bench/ledger.hpp"
#include "cli/bench/marker.hpp"
#include "cli/bench/process_stats.hpp"
#include "cli/bench/report.hpp"
#include "cli/bench/socket.hpp"
#include "model/websocket_frame.hpp"

namespace carillon::cli::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Histogram, QuantilesAreWithinOneBucketOfTheExactOnes) {
  constexpr std::uint32_t kSeed = 20;
  std::mt19937_64 random(kSeed);
  std::lognormal_distribution<double> latency(12, 2);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 50'000; ++i) values.push_back(static_cast<std::uint64_t>(latency(random)));
  for (const auto value : values) histogram.record(value);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(histogram.count(), values.size());
  EXPECT_EQ(histogram.max(), values.back());
  for (const double fraction : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const auto rank = static_cast<std::size_t>(std::ceil(fraction * 50'000)) - 1;
    const auto exact = static_cast<double>(values[rank]);
    const auto found = static_cast<double>(histogram.quantile(fraction));
    EXPECT_GE(found, exact) << fraction;
    EXPECT_LE(found, exact * 1.008 + 1) << fraction;
  }
}

TEST(Histogram, HoldsTheWholeRange) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), 0u);
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, UINT64_MAX}) {
    histogram.record(value);
  }
  EXPECT_EQ(histogram.quantile(0), 0u);
  EXPECT_EQ(histogram.quantile(0.5), 127u);
  EXPECT_EQ(histogram.quantile(0.75), 128u);
  EXPECT_EQ(histogram.quantile(1), UINT64_MAX);
}

std::vector<std::pair<std::uint32_t, std::uint64_t>> pairs(const std::vector<Marker>& markers) {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> out;
  for (const auto& marker : markers) out.emplace_back(marker.index, marker.sent_ns);
  return out;
}

TEST(MarkerCodec, FindsWhatItWrote) {
  const MarkerCodec codec(0xdeadbeef);
  std::string text = "{\"content\":\"";
  codec.append_content(text, {.index = 0x01234567, .sent_ns = 0x89abcdef01234567}, 128);
  EXPECT_EQ(text.size(), 12u + 128u);
  text += "\"}~cb ~cbdeadbee ";
  codec.append_content(text, {.index = UINT32_MAX, .sent_ns = UINT64_MAX}, Marker::kBytes);
  std::vector<Marker> found;
  codec.find(text, found);
  EXPECT_THAT(pairs(found),
              ElementsAre(std::pair(0x01234567u, 0x89abcdef01234567u), std::pair(UINT32_MAX, UINT64_MAX)));
}

TEST(MarkerCodec, PassesOverOtherRunsAndCutMarkers) {
  const MarkerCodec codec(1);
  std::string text;
  MarkerCodec(2).append_content(text, {.index = 5, .sent_ns = 6}, 100);
  codec.append_content(text, {.index = 7, .sent_ns = 8}, Marker::kBytes);
  text.pop_back();
  std::vector<Marker> found;
  codec.find(text, found);
  EXPECT_TRUE(found.empty());
}

/// Puts `stream` through a ReadBuffer in the given pieces, as Subscribers does, and returns what was found.
std::vector<std::uint32_t> read_in_pieces(const MarkerCodec& codec, const std::string& stream,
                                          const std::vector<std::size_t>& cuts) {
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  const Descriptor in(ends[0]);
  const Descriptor out(ends[1]);
  ReadBuffer buffer;
  std::string kept;
  std::vector<Marker> markers;
  std::size_t at = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const auto end = i < cuts.size() ? cuts[i] : stream.size();
    if (end == at) continue;
    EXPECT_EQ(write(out.get(), stream.data() + at, end - at), static_cast<ssize_t>(end - at));
    at = end;
    auto bytes = buffer.read(in.get(), kept).view;
    for (auto frame = read_frame(bytes); frame.frame; frame = read_frame(bytes)) {
      codec.find(frame.frame->payload, markers);
      bytes.remove_prefix(frame.frame->size);
    }
    kept.assign(bytes);
  }
  EXPECT_TRUE(kept.empty());
  std::vector<std::uint32_t> out_indices;
  for (const auto& marker : markers) out_indices.push_back(marker.index);
  return out_indices;
}

TEST(Frames, MarkersAreFoundWhereverReadsAreCut) {
  const MarkerCodec codec(77);
  std::string stream;
  std::vector<std::uint32_t> sent;
  for (const std::size_t size : {40, 80, 200, 70'000}) {
    std::string content;
    codec.append_content(content, {.index = static_cast<std::uint32_t>(sent.size())}, size);
    sent.push_back(static_cast<std::uint32_t>(sent.size()));
    model::append_frame(stream, model::Opcode::text, content);
    model::append_frame(stream, model::Opcode::ping, "beat");
  }
  for (std::size_t cut = 1; cut < 600; ++cut) {
    EXPECT_EQ(read_in_pieces(codec, stream, {cut}), sent) << "cut at " << cut;
  }
  constexpr std::uint32_t kSeed = 7;
  std::mt19937 random(kSeed);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::size_t> cuts(20);
    for (auto& cut : cuts) cut = random() % stream.size();
    std::sort(cuts.begin(), cuts.end());
    EXPECT_EQ(read_in_pieces(codec, stream, cuts), sent) << "round " << round << " of seed " << kSeed;
  }
}

TEST(Frames, BrokenOnesAreToldFromUnfinishedOnes) {
  EXPECT_EQ(read_frame("\x81").error, FrameError::incomplete);
  EXPECT_EQ(read_frame(std::string_view("\x81\x7e\x00", 3)).error, FrameError::incomplete);
  EXPECT_EQ(read_frame("\x81\x85mask").error, FrameError::broken) << "a server masks nothing";
  EXPECT_EQ(read_frame("\x83\x01x").error, FrameError::broken) << "reserved opcode";
  EXPECT_EQ(read_frame("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff").error, FrameError::broken)
      << "no sane length";
  const auto close = read_frame(std::string_view("\x88\x02\x03\xe8rest", 8));
  ASSERT_TRUE(close.frame);
  EXPECT_EQ(close.frame->kind, FrameKind::close);
  EXPECT_EQ(close.frame->size, 4u);
}

TEST(Frames, ClientFramesAreMasked) {
  for (const std::size_t size : {0, 5, 125, 126, 300}) {
    const std::string payload(size, 'p');
    std::string frame;
    append_client_frame(frame, 2, payload);
    const std::size_t header = size < 126 ? 2 : 4;
    ASSERT_EQ(frame.size(), header + 4 + size);
    EXPECT_EQ(static_cast<unsigned char>(frame[0]), 0x82);
    EXPECT_EQ(static_cast<unsigned char>(frame[1]), 0x80 | (size < 126 ? size : 126));
    std::string unmasked;
    for (std::size_t i = 0; i < size; ++i)
      unmasked += static_cast<char>(frame[header + 4 + i] ^ frame[header + i % 4]);
    EXPECT_EQ(unmasked, payload);
  }
}

using Seen = StreamTracker::Seen;

TEST(StreamTracker, TellsLateFromDuplicate) {
  StreamTracker tracker;
  EXPECT_EQ(tracker.see(0), Seen::in_order);
  EXPECT_EQ(tracker.see(0), Seen::duplicate);
  EXPECT_EQ(tracker.see(5), Seen::in_order) << "1 to 4 are skipped, not yet lost";
  EXPECT_EQ(tracker.see(3), Seen::late);
  EXPECT_EQ(tracker.see(3), Seen::duplicate);
  EXPECT_EQ(tracker.see(5), Seen::duplicate);
  EXPECT_EQ(tracker.see(1), Seen::late);
  EXPECT_EQ(tracker.see(4), Seen::late);
  EXPECT_EQ(tracker.see(2), Seen::late);
  for (std::uint32_t number = 0; number <= 5; ++number) EXPECT_EQ(tracker.see(number), Seen::duplicate);
  EXPECT_EQ(tracker.see(6), Seen::in_order);
}

TEST(StreamTracker, AgreesWithASetOnRandomOrders) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < 60; ++i) order.push_back(random() % 40);
    StreamTracker tracker;
    std::vector<bool> seen(40);
    std::uint32_t highest = 0;
    bool any = false;
    for (const auto number : order) {
      const auto expected = seen[number]              ? Seen::duplicate
                            : any && number < highest ? Seen::late
                                                      : Seen::in_order;
      ASSERT_EQ(tracker.see(number), expected) << "seed " << seed << " number " << number;
      seen[number] = true;
      highest = any ? std::max(highest, number) : number;
      any = true;
    }
  }
}

TEST(Ledger, AMessageIsDoneOnceAnsweredAndReceivedByAll) {
  Ledger ledger({.messages = 4, .recipients = 2});
  StreamTracker a;
  StreamTracker b;
  ledger.sent(0);
  ledger.sent(1);
  EXPECT_EQ(ledger.in_flight(), 2u);
  EXPECT_TRUE(ledger.received(a, 0));
  ledger.answered(0, true);
  EXPECT_EQ(ledger.in_flight(), 2u);
  EXPECT_EQ(ledger.lost(), 3u);
  EXPECT_TRUE(ledger.received(b, 0));
  EXPECT_EQ(ledger.in_flight(), 1u);
  EXPECT_TRUE(ledger.received(b, 1));
  EXPECT_TRUE(ledger.received(a, 1));
  EXPECT_EQ(ledger.in_flight(), 1u) << "not answered yet";
  EXPECT_EQ(ledger.lost(), 0u);
  EXPECT_EQ(ledger.unanswered(), 1u);
  ledger.answered(1, true);
  EXPECT_EQ(ledger.in_flight(), 0u);
  EXPECT_EQ(ledger.delivered(), 4u);
  EXPECT_EQ(ledger.unanswered(), 0u);
}

TEST(Ledger, CountsLostDuplicatedReorderedAndStray) {
  Ledger ledger({.messages = 8, .recipients = 1, .answered = false});
  StreamTracker tracker;
  for (std::uint32_t index = 0; index < 5; ++index) ledger.sent(index);
  EXPECT_TRUE(ledger.received(tracker, 2));
  EXPECT_TRUE(ledger.received(tracker, 0));
  EXPECT_FALSE(ledger.received(tracker, 2));
  EXPECT_FALSE(ledger.received(tracker, 6)) << "never sent";
  EXPECT_EQ(ledger.reordered(), 1u);
  EXPECT_EQ(ledger.duplicated(), 1u);
  EXPECT_EQ(ledger.strays(), 1u);
  EXPECT_EQ(ledger.delivered(), 2u);
  EXPECT_EQ(ledger.lost(), 3u);
  EXPECT_EQ(ledger.in_flight(), 3u);
  EXPECT_EQ(ledger.unanswered(), 0u);
}

TEST(Ledger, ARefusedMessageIsExpectedNowhere) {
  Ledger ledger({.messages = 2, .recipients = 1});
  ledger.sent(0);
  ledger.answered(0, false);
  EXPECT_EQ(ledger.in_flight(), 0u);
  EXPECT_EQ(ledger.refused(), 1u);
  EXPECT_EQ(ledger.lost(), 0u);
  ledger.answered(0, true);
  EXPECT_EQ(ledger.strays(), 1u) << "a second answer";
  EXPECT_EQ(ledger.in_flight(), 0u);
}

TEST(Ledger, NumbersCountPerStream) {
  Ledger ledger({.messages = 6, .streams = 3, .recipients = 1, .answered = false});
  StreamTracker first;
  for (std::uint32_t index = 0; index < 6; ++index) ledger.sent(index);
  EXPECT_EQ(ledger.stream_of(4), 1u);
  EXPECT_TRUE(ledger.received(first, 0));
  EXPECT_TRUE(ledger.received(first, 3));
  EXPECT_EQ(ledger.reordered(), 0u);
}

TEST(HttpAnswer, ReadsPipelinedAnswersAtAnyCut) {
  const std::string stream =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhelloHTTP/1.1 204 No Content\r\n\r\n"
      "HTTP/1.1 503 Service Unavailable\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      "HTTP/1.1 201 Created\r\ncontent-length:0\r\n\r\n";
  std::vector<int> statuses;
  std::string_view rest = stream;
  std::size_t known = 0;
  while (!rest.empty()) {
    for (std::size_t size = 0;; ++size) {
      ASSERT_LE(size, rest.size());
      const auto answer = read_http_answer(rest.substr(0, size));
      if (!answer) {
        ASSERT_EQ(answer.error(), HttpError::incomplete) << known + size;
        continue;
      }
      EXPECT_EQ(answer->size, size);
      statuses.push_back(answer->status);
      if (answer->status == 200) EXPECT_EQ(answer->body, "hello");
      known += size;
      rest.remove_prefix(size);
      break;
    }
  }
  EXPECT_THAT(statuses, ElementsAre(200, 204, 503, 201));
}

TEST(HttpAnswer, RefusesWhatIsNone) {
  for (const auto* text :
       {"garbage", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    const auto answer = read_http_answer(text);
    ASSERT_FALSE(answer) << text;
    EXPECT_EQ(answer.error(), HttpError::broken) << text;
  }
}

std::unique_ptr<Driver> driver(Options options) {
  const auto endpoint = Endpoint::parse("http://127.0.0.1:9");
  return make_driver(options, 0xab, *endpoint, *endpoint);
}

TEST(Driver, CarillonSpeaksTheContract) {
  const auto carillon = driver({.token = "T", .message_type = "fifo"});
  std::string upgrade;
  carillon->append_subscribe(upgrade, 3);
  EXPECT_THAT(upgrade, StartsWith("GET /ws?chatId=bench-000000ab-000003 HTTP/1.1\r\n"));
  EXPECT_THAT(upgrade, HasSubstr("\r\nAuthorization: Bearer T\r\n"));

  std::string publish;
  const std::array<Item, 2> items{Item{.channel = 3, .content = "one"}, Item{.channel = 4, .content = "two"}};
  carillon->append_publish(publish, std::span(items).first(1));
  const std::string first =
      R"({"targetChannel":"WebSocket","messageType":"fifo","payload":{"chatId":"bench-000000ab-000003",)"
      R"("eventType":"bench","content":"one"}})";
  EXPECT_THAT(publish, StartsWith("POST /publish HTTP/1.1\r\n"));
  EXPECT_THAT(publish, HasSubstr("Content-Length: " + std::to_string(first.size()) + "\r\n\r\n" + first));
  publish.clear();
  carillon->append_publish(publish, items);
  EXPECT_THAT(publish, StartsWith("POST /publish/batch HTTP/1.1\r\n"));
  EXPECT_THAT(publish, HasSubstr("\r\n\r\n{\"messages\":[" + first + ","));
}

TEST(Driver, RefusalsAreCounted) {
  const auto carillon = driver({});
  std::vector<Answer> answers;
  std::string reply;
  const std::string refused =
      R"({"successful":[],"failed":[{"id":"0","statusCode":503},{"id":"1","statusCode":503}]})";
  const std::string bytes = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(refused.size()) +
                            "\r\n\r\n" + refused +
                            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}" +
                            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 2";
  const auto used = carillon->read_answers(bytes, answers, reply);
  ASSERT_TRUE(used);
  EXPECT_EQ(bytes.substr(*used), "HTTP/1.1 2");
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].refused, 2u);
  EXPECT_EQ(answers[1].refused, SIZE_MAX);
  EXPECT_EQ(answers[2].refused, 0u);
  EXPECT_FALSE(carillon->read_answers("SSH-2.0", answers, reply));
}

TEST(Driver, NatsAnswersPingsAndCountsOks) {
  const auto nats = driver({.workload = Workload::publish, .protocol = Protocol::nats});
  EXPECT_TRUE(nats->answers());
  EXPECT_EQ(nats->greeting_answers(), 1u);
  std::vector<Answer> answers;
  std::string reply;
  EXPECT_EQ(nats->read_answers("INFO {}\r\n+OK\r\nPING\r\n+OK\r\n+O", answers, reply), 25u);
  EXPECT_EQ(answers.size(), 2u);
  EXPECT_EQ(reply, "PONG\r\n");
  EXPECT_FALSE(nats->read_answers("-ERR 'no'\r\n", answers, reply));
  EXPECT_FALSE(nats->confirms("INFO {}\r\n"));
  EXPECT_TRUE(nats->confirms("PONG\r\n"));
}

TEST(Endpoint, TakesHostAndPortAndNoTls) {
  const auto endpoint = Endpoint::parse("ws://127.0.0.2:81/any/path");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->authority, "127.0.0.2:81");
  EXPECT_TRUE(endpoint->loopback_v4());
  EXPECT_FALSE(Endpoint::parse("wss://127.0.0.1:1"));
  EXPECT_FALSE(Endpoint::parse("127.0.0.1:1"));
  EXPECT_FALSE(Endpoint::parse("http://127.0.0.1:port"));
  const auto v6 = Endpoint::parse("http://[::1]:82");
  ASSERT_TRUE(v6);
  EXPECT_FALSE(v6->loopback_v4());
}

TEST(ProcessStats, ReadsProc) {
  EXPECT_EQ(parse_stat_ticks("12 (a ) (b) S 1 2 3 4 5 6 7 8 9 10 1200 34 5 6"), 1234u);
  EXPECT_FALSE(parse_stat_ticks("12 (a) S 1 2 3"));
  EXPECT_EQ(parse_smaps_bytes("X Rss: 1\nRss:     20 kB\nPss:   3 kB\n", "Rss"), 20u * 1024);
  EXPECT_FALSE(parse_smaps_bytes("Rss:  20 kB\n", "Private_Dirty"));
  const std::array<int, 1> own{getpid()};
  EXPECT_TRUE(cpu_seconds(own));
  ASSERT_TRUE(memory(own));
  EXPECT_GT(memory(own)->rss_bytes, 100'000u);
  EXPECT_FALSE(cpu_seconds({}));
}

TEST(Report, AnyMistakeIsAFlaw) {
  EXPECT_TRUE(Report{}.flawless());
  EXPECT_TRUE(Report{.reordered = 1}.flawless());
  EXPECT_FALSE(Report{.failure = "x"}.flawless());
  EXPECT_FALSE(Report{.lost = 1}.flawless());
  EXPECT_FALSE(Report{.duplicated = 1}.flawless());
  EXPECT_FALSE(Report{.refused = 1}.flawless());
  EXPECT_FALSE(Report{.unanswered = 1}.flawless());
  EXPECT_FALSE(Report{.disconnected = 1}.flawless());
}

TEST(Report, CpuIsPerDelivery) {
  Report report{.connections = 10, .seconds = 2, .published = 4, .delivered = 40, .server_cpu_seconds = 0.5};
  EXPECT_THAT(to_json({}, report), HasSubstr("\"serverCpuMicrosPerDelivery\":12500,"));
  EXPECT_THAT(to_json({}, report), HasSubstr("\"deliveriesPerSecond\":20,"));
  report.rss_delta_bytes = report.pss_delta_bytes = report.private_delta_bytes = 20 * 1024;
  EXPECT_THAT(to_json({.workload = Workload::idle}, report), HasSubstr("\"rssKibPerConnection\":2,"));
}

}  // namespace
}  // namespace carillon::cli::bench
