#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/message.hpp"
#include "ports/message_history.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace carillon::bench {

/// The same history in SQLite, as one would lay it out there: the rows in the order of (chat, position), an
/// index over (chat, sequence number), journal_mode=WAL, synchronous=NORMAL (a commit is not synced, only the
/// write-ahead log before it is taken over), 64 MiB of cache, prepared statements. One thread at a time.
/// Everything unexpected ends the program.
class SqliteHistory {
 public:
  /// Opens the database, making it when there is none. The write-ahead log is taken over whenever it has
  /// `checkpoint_pages` of 4 KiB; 1000 is what SQLite does unasked.
  explicit SqliteHistory(const std::filesystem::path& file, int checkpoint_pages = 1000);
  ~SqliteHistory();
  SqliteHistory(const SqliteHistory&) = delete;
  SqliteHistory& operator=(const SqliteHistory&) = delete;

  /// In one transaction.
  void insert(std::span<const model::MessagePtr> messages);
  /// Takes the write-ahead log over and empties it.
  void checkpoint();

  /// Appends a chat's newest messages below position `before` as items of a JSON list; returns how many.
  std::size_t newest(std::string& out, const std::string& chat, model::Position before, std::size_t limit);
  /// The same for those with the given numbers, ascending.
  std::size_t sequences(std::string& out, const std::string& chat,
                        std::span<const ports::NumberRange> numbers);
  /// The highest number in a chat; 0: none.
  model::SequenceNumber last_sequence(const std::string& chat);

 private:
  struct Closing {
    void operator()(sqlite3* database) const;
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Closing>;

  void execute(const char* sql);
  Statement prepare(const std::string& sql);
  void check(int status, int wanted) const;
  void insert(const model::Message& message);
  std::size_t append_rows(std::string& out, sqlite3_stmt* statement, const std::string& chat, bool first);

  std::unique_ptr<sqlite3, Closing> database_;
  Statement insert_, newest_, range_, last_;
  model::Message row_;  ///< scratch
};

}  // namespace carillon::bench
