#ifndef WXIDENT_TESTS_FAKES_FAKE_KEY_STORE_H_
#define WXIDENT_TESTS_FAKES_FAKE_KEY_STORE_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/crypto/key_ring.h"
#include "server/identity/error.h"
#include "server/store/key_store.h"

namespace wxident {

// A KeyStore of one column, in memory, whose rows are numbered. Answers inline,
// unless told to hold answers back. Thread-safe.
class FakeKeyStore final : public KeyStore {
 public:
  // Rows of one page.
  static constexpr size_t kRows = 3;

  explicit FakeKeyStore(KeyRing& key_ring) : key_ring_(key_ring) {}

  // Adds a value under the key that seals now; its text is `text`.
  void Add(const std::string& text) {
    std::lock_guard<std::mutex> lock(mutex_);
    values_.push_back(
        key_ring_.Seal(Secret(text), AssociatedDataOf(values_.size())));
  }
  // Changes a value by one bit.
  void Tamper(size_t row) {
    std::lock_guard<std::mutex> lock(mutex_);
    values_[row].back() ^= 1;
  }
  // The values' texts; "?" for what does not open.
  std::vector<std::string> Texts() {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::string> texts;
    for (size_t i = 0; i < values_.size(); ++i) {
      const auto text = key_ring_.Open(values_[i], AssociatedDataOf(i));
      texts.push_back(text.ok() ? text->Expose() : "?");
    }
    return texts;
  }
  std::map<uint32_t, int64_t> Counts() {
    std::lock_guard<std::mutex> lock(mutex_);
    std::map<uint32_t, int64_t> counts;
    for (const std::string& value : values_) ++counts[SealedKeyId(value)];
    return counts;
  }
  std::set<uint32_t> unused() {
    std::lock_guard<std::mutex> lock(mutex_);
    return unused_;
  }

  // The next operations fail with STORE_UNAVAILABLE.
  void Fail(int operations) {
    std::lock_guard<std::mutex> lock(mutex_);
    failing_ = operations;
  }
  // From now on answers of CheckCanaries and Reencrypt wait for Answer().
  void Hold() {
    std::lock_guard<std::mutex> lock(mutex_);
    holding_ = true;
  }
  // Gives what waits; the number of answers.
  int Answer() {
    std::vector<absl::AnyInvocable<void() &&>> held;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      held.swap(held_);
    }
    for (auto& answer : held) std::move(answer)();
    return static_cast<int>(held.size());
  }
  // How often Reencrypt was asked.
  int batches() {
    std::lock_guard<std::mutex> lock(mutex_);
    return batches_;
  }

  void CheckCanaries(std::shared_ptr<KeyRing> ring, bool remember,
                     Deadline /*deadline*/,
                     Done<std::vector<uint32_t>> done) override {
    Give(std::move(done), Check(*ring, remember));
  }

  void Count(KeyPosition from, Deadline /*deadline*/,
             Done<KeyCounts> done) override {
    std::unique_lock<std::mutex> lock(mutex_);
    if (Fails()) {
      lock.unlock();
      return std::move(done)(Unavailable());
    }
    KeyCounts counts;
    size_t row = RowOf(from);
    const size_t end = std::min(row + kRows, values_.size());
    for (; row < end; ++row) ++counts.values[SealedKeyId(values_[row])];
    counts.next = Next(end);
    lock.unlock();
    std::move(done)(std::move(counts));
  }

  void Reencrypt(KeyPosition from, Deadline /*deadline*/,
                 Done<ReencryptedBatch> done) override {
    Give(std::move(done), Reencrypt(from));
  }

  void MarkUnused(std::set<uint32_t> used, Deadline /*deadline*/,
                  DoneStatus done) override {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool fails = Fails();
    if (!fails)
      for (const auto& [id, canary] : canaries_)
        if (used.count(id) == 0) unused_.insert(id);
    lock.unlock();
    std::move(done)(fails ? Unavailable() : absl::OkStatus());
  }

 private:
  struct RowData {
    explicit RowData(size_t row) : name(absl::StrCat(row)) {}
    // AssociatedData that has its text with it.
    // NOLINTNEXTLINE(google-explicit-constructor)
    operator AssociatedData() const { return {"fake", "value", {name}}; }
    const std::string name;
  };
  static RowData AssociatedDataOf(size_t row) { return RowData(row); }

  static absl::Status Unavailable() {
    return Error(Reason::kStoreUnavailable, "told to fail").ToStatus();
  }
  bool Fails() {
    if (failing_ == 0) return false;
    --failing_;
    return true;
  }
  static size_t RowOf(const KeyPosition& from) {
    return from.after.empty() ? 0 : std::stoul(from.after[0]);
  }
  std::optional<KeyPosition> Next(size_t row) const {
    if (row >= values_.size()) return std::nullopt;
    return KeyPosition{0, {absl::StrCat(row)}};
  }

  template <typename T>
  void Give(Done<T> done, absl::StatusOr<T> result) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (holding_) {
        held_.push_back(
            [done = std::move(done), result = std::move(result)]() mutable {
              std::move(done)(std::move(result));
            });
        return;
      }
    }
    std::move(done)(std::move(result));
  }

  absl::StatusOr<std::vector<uint32_t>> Check(KeyRing& ring, bool remember) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (Fails()) return Unavailable();
    const AssociatedData data{"fake", "canary", {}};
    for (uint32_t id : ring.key_ids()) {
      const auto canary = canaries_.find(id);
      if (canary != canaries_.end()) {
        if (!ring.Open(canary->second, data).ok())
          return Error(Reason::kRequestInvalid, "another key").ToStatus();
      } else if (remember) {
        canaries_[id] = *ring.SealUnder(id, Secret("canary"), data);
      }
    }
    std::vector<uint32_t> missing;
    const std::vector<uint32_t> ids = ring.key_ids();
    for (const auto& [id, canary] : canaries_)
      if (unused_.count(id) == 0 && std::count(ids.begin(), ids.end(), id) == 0)
        missing.push_back(id);
    return missing;
  }

  absl::StatusOr<ReencryptedBatch> Reencrypt(const KeyPosition& from) {
    std::lock_guard<std::mutex> lock(mutex_);
    ++batches_;
    if (Fails()) return Unavailable();
    ReencryptedBatch batch;
    batch.sealing_key_id = key_ring_.sealing_key_id();
    size_t row = RowOf(from);
    const size_t end = std::min(row + kRows, values_.size());
    for (; row < end; ++row) {
      const uint32_t id = SealedKeyId(values_[row]);
      if (id == batch.sealing_key_id) continue;
      const auto text = key_ring_.Open(values_[row], AssociatedDataOf(row));
      if (text.ok()) {
        values_[row] = key_ring_.Seal(*text, AssociatedDataOf(row));
        ++batch.reencrypted;
      } else {
        ++batch.unreadable[{"fake", "value", "wx1", id,
                            !absl::IsNotFound(text.status())}];
      }
    }
    batch.next = Next(end);
    return batch;
  }

  KeyRing& key_ring_;
  std::mutex mutex_;
  std::vector<std::string> values_;
  std::map<uint32_t, std::string> canaries_;
  std::set<uint32_t> unused_;
  std::vector<absl::AnyInvocable<void() &&>> held_;
  bool holding_ = false;
  int failing_ = 0;
  int batches_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_FAKES_FAKE_KEY_STORE_H_
