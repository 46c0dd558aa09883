#include "history/sqlite_history.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <sqlite3.h>

namespace carillon::bench {
namespace {

constexpr const char* kSettings =
    "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;"
    "PRAGMA busy_timeout=10000;";
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS messages (chat TEXT NOT NULL, position INTEGER NOT NULL, sequence INTEGER,"
    " id BLOB NOT NULL, published_at INTEGER NOT NULL, type INTEGER NOT NULL, event_type TEXT NOT NULL,"
    " sender TEXT NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (chat, position)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX IF NOT EXISTS by_sequence ON messages (chat, sequence);";

constexpr const char* kColumns = "position, sequence, id, published_at, type, event_type, sender, payload";

std::string_view text(sqlite3_stmt* statement, int column) {
  return {reinterpret_cast<const char*>(sqlite3_column_text(statement, column)),
          static_cast<std::size_t>(sqlite3_column_bytes(statement, column))};
}

void bind_text(sqlite3_stmt* statement, int index, std::string_view value) {
  sqlite3_bind_text(statement, index, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
}

void bind_number(sqlite3_stmt* statement, int index, std::uint64_t value) {
  sqlite3_bind_int64(statement, index, static_cast<sqlite3_int64>(value));
}

}  // namespace

void SqliteHistory::Closing::operator()(sqlite3* database) const {
  sqlite3_close(database);
}
void SqliteHistory::Closing::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

SqliteHistory::SqliteHistory(const std::filesystem::path& file, int checkpoint_pages) {
  sqlite3* database = nullptr;
  const int opened = sqlite3_open_v2(
      file.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  database_.reset(database);
  check(opened, SQLITE_OK);
  execute(kSettings);
  check(sqlite3_wal_autocheckpoint(database, checkpoint_pages), SQLITE_OK);
  execute(kSchema);
  insert_ = prepare(fmt::format("INSERT INTO messages (chat, {}) VALUES (?,?,?,?,?,?,?,?,?)", kColumns));
  newest_ = prepare(fmt::format(
      "SELECT {} FROM messages WHERE chat=? AND position<? ORDER BY position DESC LIMIT ?", kColumns));
  range_ = prepare(fmt::format(
      "SELECT {} FROM messages WHERE chat=? AND sequence BETWEEN ? AND ? ORDER BY sequence", kColumns));
  last_ = prepare("SELECT max(sequence) FROM messages WHERE chat=?");
}

SqliteHistory::~SqliteHistory() = default;

void SqliteHistory::check(int status, int wanted) const {
  if (status == wanted) return;
  std::fprintf(stderr, "history_bench: SQLite: %s\n", sqlite3_errmsg(database_.get()));
  std::exit(1);
}

void SqliteHistory::execute(const char* sql) {
  check(sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr), SQLITE_OK);
}

SqliteHistory::Statement SqliteHistory::prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  check(sqlite3_prepare_v3(database_.get(), sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr),
        SQLITE_OK);
  return Statement(statement);
}

void SqliteHistory::insert(std::span<const model::MessagePtr> messages) {
  execute("BEGIN IMMEDIATE");
  for (const model::MessagePtr& each : messages) insert(*each);
  execute("COMMIT");
}

void SqliteHistory::insert(const model::Message& message) {
  sqlite3_stmt* statement = insert_.get();
  bind_text(statement, 1, message.target.id);
  bind_number(statement, 2, message.position);
  bind_number(statement, 3, *message.sequence);
  const std::string_view id = message.id.view();
  sqlite3_bind_blob(statement, 4, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
  bind_number(statement, 5, static_cast<std::uint64_t>(message.published_at));
  bind_number(statement, 6, static_cast<std::uint64_t>(message.type));
  bind_text(statement, 7, message.event_type);
  bind_text(statement, 8, message.sender.str());
  bind_text(statement, 9, message.payload);
  check(sqlite3_step(statement), SQLITE_DONE);
  sqlite3_reset(statement);
}

void SqliteHistory::checkpoint() {
  execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

std::size_t SqliteHistory::newest(std::string& out, const std::string& chat, model::Position before,
                                  std::size_t limit) {
  bind_text(newest_.get(), 1, chat);
  bind_number(newest_.get(), 2, before);
  bind_number(newest_.get(), 3, limit);
  return append_rows(out, newest_.get(), chat, true);
}

std::size_t SqliteHistory::sequences(std::string& out, const std::string& chat,
                                     std::span<const ports::NumberRange> numbers) {
  std::size_t count = 0;
  for (const ports::NumberRange& range : numbers) {
    bind_text(range_.get(), 1, chat);
    bind_number(range_.get(), 2, range.first);
    bind_number(range_.get(), 3, range.last);
    count += append_rows(out, range_.get(), chat, count == 0);
  }
  return count;
}

model::SequenceNumber SqliteHistory::last_sequence(const std::string& chat) {
  bind_text(last_.get(), 1, chat);
  check(sqlite3_step(last_.get()), SQLITE_ROW);
  const auto last = static_cast<model::SequenceNumber>(sqlite3_column_int64(last_.get(), 0));
  sqlite3_reset(last_.get());
  return last;
}

std::size_t SqliteHistory::append_rows(std::string& out, sqlite3_stmt* statement, const std::string& chat,
                                       bool first) {
  row_.target = model::Target::chat(chat);
  row_.group_id = chat;
  std::size_t count = 0;
  int status = SQLITE_ROW;
  for (; (status = sqlite3_step(statement)) == SQLITE_ROW; ++count) {
    row_.position = static_cast<model::Position>(sqlite3_column_int64(statement, 0));
    row_.sequence = static_cast<model::SequenceNumber>(sqlite3_column_int64(statement, 1));
    model::MessageId::Bytes id{};
    std::memcpy(id.data(), sqlite3_column_blob(statement, 2), id.size());
    row_.id = model::MessageId(id);
    row_.published_at = sqlite3_column_int64(statement, 3);
    row_.type = static_cast<model::MessageType>(sqlite3_column_int(statement, 4));
    row_.event_type = text(statement, 5);
    row_.sender = model::UserId(text(statement, 6));
    row_.payload = text(statement, 7);
    if (!first || count > 0) out += ',';
    model::append_event(out, row_, std::nullopt);
  }
  check(status, SQLITE_DONE);
  sqlite3_reset(statement);
  return count;
}

}  // namespace carillon::bench
