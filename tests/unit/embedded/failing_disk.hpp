#pragma once

#include <atomic>
#include <memory>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

namespace carillon::embedded::testing {

/// The real disk, whose write-ahead log can be made to fail.
class FailingDisk : public rocksdb::FileSystemWrapper {
 public:
  FailingDisk()
      : FileSystemWrapper(rocksdb::FileSystem::Default()),
        env(rocksdb::NewCompositeEnv(std::shared_ptr<rocksdb::FileSystem>(this, [](auto*) {}))) {}
  const char* Name() const override { return "FailingDisk"; }

  std::atomic<bool> fail_sync{false};
  std::atomic<bool> fail_append{false};
  std::atomic<bool> fail_new_files{false};
  std::atomic<int> appends_left{-1};  ///< to the write-ahead log, before they fail; below 0: no end
  std::unique_ptr<rocksdb::Env> env;

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    if (fail_new_files) return no_space();
    const rocksdb::IOStatus made = target()->NewWritableFile(name, options, file, debug);
    if (made.ok() && name.ends_with(".log")) *file = std::make_unique<File>(std::move(*file), *this);
    return made;
  }

  bool used_up() {
    const int left = appends_left;
    if (left > 0) --appends_left;
    return left == 0;
  }

 private:
  static rocksdb::IOStatus no_space() { return rocksdb::IOStatus::NoSpace("injected"); }

  class File : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile> file, FailingDisk& disk)
        : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk) {}
    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      return disk_.fail_append || disk_.used_up() ? no_space() : target()->Append(data, options, debug);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
      return disk_.fail_sync ? rocksdb::IOStatus::IOError("injected") : target()->Sync(options, debug);
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
      return disk_.fail_sync ? rocksdb::IOStatus::IOError("injected") : target()->Fsync(options, debug);
    }

   private:
    FailingDisk& disk_;
  };
};

}  // namespace carillon::embedded::testing
