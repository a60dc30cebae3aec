#include "server/edge/edge_worker.h"

#include <utility>
#include <vector>

#include "server/base/backoff.h"

namespace wxident {

EdgeWorker::EdgeWorker(Options options)
    : options_(std::move(options)),
      loop_(std::make_shared<EventLoop>(SystemClock())),
      calls_{*loop_} {
  loop_->WhenOvertaken([this] {
    std::lock_guard<std::mutex> lock(mutex_);
    // It has nothing of ours any more, and nobody knows when it comes back.
    thread_.detach();
    thread_ = std::thread([this] { Run(); });
  });
  thread_ = std::thread([this] { Run(); });
}

EdgeWorker::~EdgeWorker() {
  loop_->Post([this] {
    ending_ = true;
    ForEach([](EdgeConnection& connection) { connection.Abort(); });
  });
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return ended_; });
  lock.unlock();
  thread_.join();
}

void EdgeWorker::Add(Incoming incoming) {
  loop_->Post([this, incoming = std::move(incoming)]() mutable {
    Serve(std::move(incoming));
  });
}

void EdgeWorker::Drain() {
  loop_->Post([this] {
    draining_ = true;
    ForEach([](EdgeConnection& connection) { connection.Drain(); });
  });
}

void EdgeWorker::Run() {
  constexpr absl::Duration kLong = absl::Hours(1);
  while (!ending_ || !connections_.empty() || calls_.unfinished > 0)
    if (!loop_->Turn(kLong)) return;
  // What was to be destroyed is, and what that defers.
  for (int i = 0; i < 3; ++i)
    if (!loop_->Turn(absl::ZeroDuration())) return;
  std::lock_guard<std::mutex> lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void EdgeWorker::Serve(Incoming incoming) {
  EdgeConnection::Owner& self = *this;
  auto connection = std::make_unique<EdgeConnection>(
      std::move(incoming),
      EdgeConnection::Options{options_.session, options_.lifetime, Chance()},
      calls_, self, scratch_);
  EdgeConnection& served = *connection;
  connections_[&served] = std::move(connection);
  if (draining_) served.Drain();
  if (ending_) served.Abort();
  if (!std::exchange(ticks_, true))
    loop_->RunAt(loop_->now() + kTick, [this] { Tick(); });
}

void EdgeWorker::OnEnded(EdgeConnection& connection) {
  options_.ended(connection);
  const auto found = connections_.find(&connection);
  loop_->DeleteLater(std::move(found->second));
  connections_.erase(found);
}

void EdgeWorker::Tick() {
  ForEach([](EdgeConnection& connection) { connection.OnTime(); });
  ticks_ = !connections_.empty();
  if (ticks_) loop_->RunAt(loop_->now() + kTick, [this] { Tick(); });
}

template <typename Do>
void EdgeWorker::ForEach(const Do& what) {
  std::vector<EdgeConnection*> all;
  for (auto& [key, connection] : connections_) all.push_back(connection.get());
  // One that ends lives until this turn's end.
  for (EdgeConnection* connection : all) what(*connection);
}

}  // namespace wxident
