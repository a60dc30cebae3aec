#include "server/keeper/watchers.h"

#include <utility>

namespace wxident {

struct TokenManager::Watchers::Entry {
  explicit Entry(std::shared_ptr<Watcher> watcher)
      : watcher(std::move(watcher)) {}

  const std::shared_ptr<Watcher> watcher;
  // Not under `mutex`: a watcher may be removed while it is told something.
  std::atomic<bool> gone{false};
  // Held while the watcher is called.
  Mutex mutex;
  std::shared_ptr<const AccessToken> told ABSL_GUARDED_BY(mutex);
};

std::shared_ptr<TokenManager::Watchers::Entry> TokenManager::Watchers::Add(
    std::shared_ptr<Watcher> watcher) {
  auto entry = std::make_shared<Entry>(std::move(watcher));
  bool ended = false;
  {
    MutexLock lock(mutex_);
    ended = ended_;
    if (!ended) entries_.emplace(entry->watcher.get(), entry);
  }
  if (ended) {
    entry->watcher->OnEnd(absl::OkStatus());
    return nullptr;
  }
  Tell(*entry);
  return entry;
}

void TokenManager::Watchers::Remove(const Watcher* watcher) {
  MutexLock lock(mutex_);
  auto found = entries_.find(watcher);
  if (found == entries_.end()) return;
  found->second->gone = true;
  entries_.erase(found);
}

bool TokenManager::Watchers::Told(Entry& entry) {
  MutexLock lock(entry.mutex);
  return entry.told != nullptr;
}

void TokenManager::Watchers::Tell(Entry& entry) {
  MutexLock lock(entry.mutex);
  std::shared_ptr<const AccessToken> token = current_();
  if (token == nullptr || entry.gone) return;
  if (entry.told != nullptr && entry.told->generation == token->generation &&
      entry.told->token == token->token)
    return;
  entry.told = std::move(token);
  entry.watcher->OnToken(*entry.told);
}

void TokenManager::Watchers::TellAll() {
  std::vector<std::shared_ptr<Entry>> entries;
  {
    MutexLock lock(mutex_);
    entries.reserve(entries_.size());
    for (const auto& [watcher, entry] : entries_) entries.push_back(entry);
  }
  for (const auto& entry : entries) Tell(*entry);
}

void TokenManager::Watchers::End(Entry& entry, const absl::Status& status) {
  {
    MutexLock lock(entry.mutex);
    if (!entry.gone.exchange(true)) entry.watcher->OnEnd(status);
  }
  Remove(entry.watcher.get());
}

void TokenManager::Watchers::EndAll() {
  std::unordered_map<const Watcher*, std::shared_ptr<Entry>> entries;
  {
    MutexLock lock(mutex_);
    ended_ = true;
    entries.swap(entries_);
  }
  for (const auto& [watcher, entry] : entries) End(*entry, absl::OkStatus());
}

}  // namespace wxident
