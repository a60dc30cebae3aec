#include "server/http/curl_queue.h"

#include <utility>

namespace wxident {

void CurlQueue::Add(TransferPtr transfer) {
  lanes_[transfer->request.endpoint].waiting.push_back(std::move(transfer));
}

void CurlQueue::AddAgain(TransferPtr transfer) {
  lanes_[transfer->request.endpoint].waiting.push_front(std::move(transfer));
}

TransferPtr CurlQueue::Next() {
  Lane* next = nullptr;
  for (auto& [endpoint, lane] : lanes_) {
    if (lane.waiting.empty() || !connections_.MayTake(endpoint)) continue;
    if (next == nullptr ||
        lane.waiting.front()->started < next->waiting.front()->started)
      next = &lane;
  }
  if (next == nullptr) return nullptr;
  TransferPtr transfer = std::move(next->waiting.front());
  next->waiting.pop_front();
  connections_.Take(transfer->request.endpoint);
  return transfer;
}

void CurlQueue::Ended(const CurlTransfer& transfer) {
  connections_.GiveBack(transfer.request.endpoint);
}

void CurlQueue::TakeExpired(Clock& clock, std::vector<TransferPtr>& expired,
                            std::optional<Deadline>& earliest) {
  for (auto& [endpoint, lane] : lanes_) {
    std::deque<TransferPtr> kept;
    for (TransferPtr& transfer : lane.waiting) {
      const Deadline deadline = transfer->request.deadline;
      if (deadline.Passed(clock)) {
        expired.push_back(std::move(transfer));
        continue;
      }
      if (!earliest.has_value() || deadline < *earliest) earliest = deadline;
      kept.push_back(std::move(transfer));
    }
    lane.waiting = std::move(kept);
  }
}

void CurlQueue::TakeAll(std::vector<TransferPtr>& all) {
  for (auto& [endpoint, lane] : lanes_) {
    for (TransferPtr& transfer : lane.waiting)
      all.push_back(std::move(transfer));
    lane.waiting.clear();
  }
}

std::string& CurlQueue::LastOutcome(const std::string& endpoint) {
  return lanes_[endpoint].outcome;
}

}  // namespace wxident
