#include "embedded/expiry_filter.hpp"

#include "embedded/delivery_record.hpp"
#include "embedded/record.hpp"

namespace carillon::embedded {
namespace {

using model::TargetClass;

bool expired(keys::ColumnFamily family, std::string_view key, std::string_view value,
             const Retention& retention, base::EpochMs now) {
  switch (family) {
    case keys::kDeduplication: {
      const auto expires_at = record::deduplication_expiry(value);
      return expires_at && *expires_at <= now;
    }
    case keys::kMessages: {
      const auto published_at = record::published_at(value);
      if (key.size() < 2 || !published_at) return false;
      const auto target_class = static_cast<TargetClass>(key[0]);
      key.remove_prefix(1);
      const auto id = keys::take_id(key);
      return id && retention.expired(target_class, *id, *published_at, now);
    }
    case keys::kSequenceIndex: {
      const auto chat = keys::take_id(key);
      const auto published_at = record::decode_number(value);
      return chat && published_at &&
             retention.expired(TargetClass::chat, *chat, static_cast<base::EpochMs>(*published_at), now);
    }
    case keys::kMessageIds: {
      const auto place = record::decode_place(value);
      return place &&
             retention.expired(place->target.target_class, place->target.id, place->published_at, now);
    }
    case keys::kDeliveries: {
      // The number of the newest flush stays.
      const auto written_at = record::deliveries_written_at(value);
      return !key.starts_with(keys::kFlushTag) && written_at &&
             now - *written_at >= retention.longest().count();
    }
    default:
      return false;
  }
}

class ExpiryFilter : public rocksdb::CompactionFilter {
 public:
  ExpiryFilter(keys::ColumnFamily family, std::shared_ptr<const Retention> retention, base::EpochMs now)
      : family_(family), retention_(std::move(retention)), now_(now) {}
  const char* Name() const override { return "carillon.expiry"; }
  bool IgnoreSnapshots() const override { return true; }
  bool Filter(int, const rocksdb::Slice& key, const rocksdb::Slice& value, std::string*,
              bool*) const override {
    return expired(family_, {key.data(), key.size()}, {value.data(), value.size()}, *retention_, now_);
  }

 private:
  keys::ColumnFamily family_;
  std::shared_ptr<const Retention> retention_;
  base::EpochMs now_;
};

class ExpiryFilterFactory : public rocksdb::CompactionFilterFactory {
 public:
  ExpiryFilterFactory(keys::ColumnFamily family, std::function<base::EpochMs()> clock,
                      std::shared_ptr<RetentionInForce> retention)
      : family_(family), clock_(std::move(clock)), retention_(std::move(retention)) {}
  const char* Name() const override { return "carillon.expiry"; }
  bool ShouldFilterTableFileCreation(rocksdb::TableFileCreationReason reason) const override {
    return reason == rocksdb::TableFileCreationReason::kCompaction ||
           reason == rocksdb::TableFileCreationReason::kFlush;
  }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context&) override {
    return std::make_unique<ExpiryFilter>(family_, retention_->get(), clock_());
  }

 private:
  keys::ColumnFamily family_;
  std::function<base::EpochMs()> clock_;
  std::shared_ptr<RetentionInForce> retention_;
};

}  // namespace

std::shared_ptr<rocksdb::CompactionFilterFactory> expiry_filter(keys::ColumnFamily family,
                                                                std::function<base::EpochMs()> clock,
                                                                std::shared_ptr<RetentionInForce> retention) {
  return std::make_shared<ExpiryFilterFactory>(family, std::move(clock), std::move(retention));
}

}  // namespace carillon::embedded
