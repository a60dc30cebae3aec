#include "server/audit/audit_log.h"

#include <utility>

#include "server/audit/audit_batch.h"
#include "server/audit/audit_queue.h"
#include "server/audit/audit_writer.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/base/turns.h"

namespace wxident {
namespace {

// What a turn of this thread has brought by now, of one log.
struct Turn {
  explicit Turn(std::shared_ptr<AuditQueue> queue) : queue(std::move(queue)) {}
  ~Turn() { Close(); }

  // Nothing more comes.
  void Close();

  const std::shared_ptr<AuditQueue> queue;
  AuditBatch batch;
  AuditQueue::Outcome outcome;
};

// Until it is closed.
thread_local Turn* open_turn = nullptr;

void Turn::Close() {
  if (open_turn == this) open_turn = nullptr;
}

// The lines of this thread's present turn; nullptr: it does not work in turns.
AuditBatch* OfThisTurn(const std::shared_ptr<AuditQueue>& queue) {
  Turns* const turns = Turns::Current();
  if (turns == nullptr) return nullptr;
  if (open_turn == nullptr || open_turn->queue != queue) {
    const auto turn = std::make_shared<Turn>(queue);
    open_turn = turn.get();
    turns->AtEnd(
        [turn, turns = turns->weak_from_this()] {
          turn->Close();
          turn->outcome = turn->queue->EndTurn(std::move(turn->batch), turns);
        },
        [turn] { turn->queue->Tell(std::move(turn->outcome)); });
  }
  return &open_turn->batch;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(Options options,
                                                         Clock& clock,
                                                         Metrics& metrics) {
  WX_ASSIGN_OR_RETURN(std::unique_ptr<AuditWriter> writer,
                      AuditWriter::Open(options.path, options.key));
  const auto limit = static_cast<size_t>(options.queue_limit);
  auto queue = std::make_shared<AuditQueue>(options.path, limit,
                                            std::move(writer), clock, metrics);
  return std::unique_ptr<AuditLog>(
      new AuditLog(std::move(options.path), std::move(queue)));
}

AuditLog::AuditLog(std::string path, std::shared_ptr<AuditQueue> queue)
    : path_(std::move(path)),
      queue_(std::move(queue)),
      // Each holds the queue for as long as it runs.
      writer_([queue = queue_] { queue->Run(); }),
      watchdog_([queue = queue_] { queue->Watch(); }) {}

AuditLog::~AuditLog() {
  const bool ended = queue_->End();
  watchdog_.join();
  if (ended) {
    writer_.join();
    queue_->LogHead("audit log closed");
  } else {
    writer_.detach();
    Log(LogLevel::kError, "audit log given up: its file hangs",
        {{"file", path_}});
  }
}

void AuditLog::Write(AuditEntry entry, DoneStatus done) {
  if (AuditBatch* batch = OfThisTurn(queue_))
    batch->Add({std::move(entry), {}}, {.done = std::move(done)});
  else
    queue_->Write(std::move(entry), std::move(done));
}

void AuditLog::Note(AuditEntry entry) {
  if (AuditBatch* batch = OfThisTurn(queue_))
    batch->Add({std::move(entry), {}}, {.note = true});
  else
    queue_->Note(std::move(entry));
}

absl::Status AuditLog::Reopen() { return queue_->Reopen(); }

}  // namespace wxident
