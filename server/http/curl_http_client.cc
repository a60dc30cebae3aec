#include "server/http/curl_http_client.h"

#include <curl/curl.h>
#include <signal.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/base/log.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/http/curl_queue.h"
#include "server/http/curl_sockets.h"
#include "server/http/curl_transfer.h"
#include "server/http/shares.h"

namespace wxident {
namespace {

// How often the loop looks around when nothing happens.
constexpr absl::Duration kIdlePoll = absl::Seconds(1);

bool IsTlsError(CURLcode code) {
  switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return true;
    default:
      return false;
  }
}

absl::Status CheckCaFile(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  std::ifstream in(path);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  if (!absl::StrContains(text, "-----BEGIN CERTIFICATE-----"))
    return absl::InvalidArgumentError(
        absl::StrCat(path, " holds no PEM certificate, or cannot be read"));
  return absl::OkStatus();
}

}  // namespace

class CurlHttpClient::Loop {
 public:
  Loop(Options options, Clock& clock, Metrics& metrics, CURLM* multi)
      : options_(std::move(options)),
        clock_(clock),
        metrics_(metrics),
        multi_(multi, curl_multi_cleanup),
        places_(options_.queue_limit) {
    // Without this the number of kept connections follows the load of the
    // moment and they close in every lull.
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                      2L * options_.max_connections_per_host);
    metrics_.Set("wxident_wechat_requests_in_flight", {}, 0);
    thread_ = std::thread([this] { Run(); });
  }

  ~Loop() {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_.get());
    thread_.join();
  }

  void Send(TransferPtr transfer) {
    transfer->started = clock_.Monotonic();
    std::optional<std::string> host = HostOf(transfer->request.url);
    if (!host.has_value()) {
      Refuse(std::move(transfer), absl::StatusCode::kUnavailable,
             "the URL is not https", "refused");
      return;
    }
    transfer->host = *std::move(host);
    if (transfer->request.deadline.Passed(clock_)) {
      Refuse(std::move(transfer), absl::StatusCode::kDeadlineExceeded,
             "the deadline had passed", "deadline");
      return;
    }
    const char* refusal = nullptr;
    {
      MutexLock lock(mutex_);
      if (stopping_) {
        refusal = "stopped";
      } else if (!places_.MayTake(transfer->request.endpoint)) {
        refusal = "queue_full";
      } else {
        places_.Take(transfer->request.endpoint);
        arrived_.push_back(std::move(transfer));
      }
    }
    if (refusal == nullptr) {
      curl_multi_wakeup(multi_.get());
    } else if (absl::string_view(refusal) == "stopped") {
      Refuse(std::move(transfer), absl::StatusCode::kUnavailable,
             "the client is stopping", refusal);
    } else {
      Refuse(std::move(transfer), absl::StatusCode::kResourceExhausted,
             "the queue is full", refusal);
    }
  }

 private:
  // For what never entered the queue. Any thread.
  void Refuse(TransferPtr transfer, absl::StatusCode code,
              absl::string_view what, const std::string& outcome) {
    Observe(*transfer, outcome);
    absl::Status error = transfer->Fail(code, what);
    std::move(transfer->done)(std::move(error));
  }

  void Observe(const CurlTransfer& transfer, const std::string& outcome) {
    metrics_.Observe(
        "wxident_wechat_request_seconds",
        {{"endpoint", transfer.request.endpoint}, {"outcome", outcome}},
        clock_.Monotonic() - transfer.started);
  }

  // Everything below runs on the loop's thread.

  void Run() {
    // Signals are for the threads that wait for them; a SIGPIPE is for nobody.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);

    while (TakeArrived()) {
      EndExpired();
      StartWaiting();
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      // A finished transfer may leave its place to a waiting one: no pause.
      const absl::Duration pause =
          EndFinished() ? absl::ZeroDuration() : UntilNextExpiry();
      curl_multi_poll(
          multi_.get(), nullptr, 0,
          pause > absl::ZeroDuration() ? CurlMilliseconds(pause) : 0, nullptr);
    }
    EndAll();
  }

  // False when the client stops.
  bool TakeArrived() {
    std::deque<TransferPtr> arrived;
    int count = 0;
    {
      MutexLock lock(mutex_);
      if (stopping_) return false;
      arrived.swap(arrived_);
      count = places_.taken();
    }
    for (TransferPtr& transfer : arrived) {
      const Deadline deadline = transfer->request.deadline;
      if (!next_expiry_.has_value() || deadline < *next_expiry_)
        next_expiry_ = deadline;
      CurlQueue& queue = QueueOf(*transfer);
      queue.Add(std::move(transfer));
    }
    if (count != shown_count_)
      metrics_.Set("wxident_wechat_requests_in_flight", {},
                   shown_count_ = count);
    return true;
  }

  absl::Duration UntilNextExpiry() {
    if (!next_expiry_.has_value()) return kIdlePoll;
    return std::min(kIdlePoll, next_expiry_->Left(clock_));
  }

  // Ends waiting requests whose deadline has passed. Looks at all of them, but
  // only when the earliest deadline has come.
  void EndExpired() {
    if (!next_expiry_.has_value() || !next_expiry_->Passed(clock_)) return;
    next_expiry_.reset();
    std::vector<TransferPtr> expired;
    for (auto& [host, queue] : queues_)
      queue.TakeExpired(clock_, expired, next_expiry_);
    for (TransferPtr& transfer : expired) EndUnsent(std::move(transfer));
  }

  void EndUnsent(TransferPtr transfer) {
    absl::Status error = transfer->Fail(absl::StatusCode::kDeadlineExceeded,
                                        "the deadline passed in the queue");
    End(std::move(transfer), "deadline", std::move(error));
  }

  void StartWaiting() {
    std::vector<TransferPtr> expired;
    std::vector<std::pair<TransferPtr, absl::string_view>> failed;
    for (auto& [host, queue] : queues_) {
      while (TransferPtr transfer = queue.Next()) {
        const bool late = transfer->request.deadline.Passed(clock_);
        if (!late && Start(*transfer)) {
          CURL* easy = transfer->easy.get();
          running_.emplace(easy, std::move(transfer));
          continue;
        }
        queue.Ended(*transfer);
        if (late)
          expired.push_back(std::move(transfer));
        else
          failed.emplace_back(std::move(transfer), "libcurl refused it");
      }
    }
    for (TransferPtr& transfer : expired) EndUnsent(std::move(transfer));
    for (auto& [transfer, what] : failed) {
      absl::Status error = transfer->Fail(absl::StatusCode::kUnavailable, what);
      End(std::move(transfer), "refused", std::move(error));
    }
  }

  bool Start(CurlTransfer& transfer) {
    return PrepareTransfer(transfer, options_, sockets_, clock_) &&
           curl_multi_add_handle(multi_.get(), transfer.easy.get()) == CURLM_OK;
  }

  // True when some transfer ended.
  bool EndFinished() {
    std::vector<std::pair<CURL*, CURLcode>> finished;
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_.get(), &left))
      if (message->msg == CURLMSG_DONE)
        finished.emplace_back(message->easy_handle, message->data.result);
    for (const auto& [easy, code] : finished) {
      auto found = running_.find(easy);
      TransferPtr transfer = std::move(found->second);
      running_.erase(found);
      CurlQueue& queue = QueueOf(*transfer);
      queue.Ended(*transfer);
      curl_multi_remove_handle(multi_.get(), easy);
      if (code == CURLE_ABORTED_BY_CALLBACK && transfer->stale) {
        // libcurl has closed that connection, so this comes to an end.
        queue.AddAgain(std::move(transfer));
      } else {
        EndTransfer(std::move(transfer), code);
      }
    }
    return !finished.empty();
  }

  void EndTransfer(TransferPtr transfer, CURLcode code) {
    if (code == CURLE_OK) {
      HttpResponse response = transfer->TakeResponse();
      const char* outcome = response.status == 200 ? "ok" : "http_error";
      End(std::move(transfer), outcome, std::move(response));
      return;
    }
    absl::StatusCode status = absl::StatusCode::kUnavailable;
    std::string outcome;
    std::string what = curl_easy_strerror(code);
    if (transfer->too_large) {
      status = absl::StatusCode::kDataLoss;
      outcome = "too_large";
      what = absl::StrCat("the answer is larger than ", options_.max_body,
                          " bytes");
    } else if (code == CURLE_OPERATION_TIMEDOUT &&
               (!transfer->NothingLeft() ||
                transfer->request.deadline.Passed(clock_))) {
      // Once the request is out, only the deadline's timer runs; libcurl lets
      // it ring up to a millisecond early.
      status = absl::StatusCode::kDeadlineExceeded;
      outcome = "deadline";
      what = "the deadline passed";
    } else if (!transfer->NothingLeft()) {
      // An answer that broke off is one all the same.
      if (transfer->TakeResponse().status > 0)
        status = absl::StatusCode::kDataLoss;
      outcome = "broken";
      if (code == CURLE_ABORTED_BY_CALLBACK)
        what = "the connection closed without an answer";
    } else {
      outcome = IsTlsError(code) ? "tls" : "unreachable";
    }
    absl::Status error = transfer->Fail(status, what);
    End(std::move(transfer), outcome, std::move(error));
  }

  void EndAll() {
    std::vector<TransferPtr> all;
    for (auto& [easy, transfer] : running_) {
      curl_multi_remove_handle(multi_.get(), easy);
      all.push_back(std::move(transfer));
    }
    running_.clear();
    for (auto& [host, queue] : queues_) queue.TakeAll(all);
    {
      MutexLock lock(mutex_);
      for (TransferPtr& transfer : arrived_) all.push_back(std::move(transfer));
      arrived_.clear();
    }
    for (TransferPtr& transfer : all) {
      absl::Status error = transfer->Fail(absl::StatusCode::kUnavailable,
                                          "the client is stopping");
      End(std::move(transfer), "stopped", std::move(error));
    }
  }

  void End(TransferPtr transfer, const std::string& outcome,
           absl::StatusOr<HttpResponse> result) {
    Observe(*transfer, outcome);
    LogChange(*transfer, outcome, result.status());
    {
      MutexLock lock(mutex_);
      places_.GiveBack(transfer->request.endpoint);
    }
    Done<HttpResponse> done = std::move(transfer->done);
    transfer.reset();
    std::move(done)(std::move(result));
  }

  CurlQueue& QueueOf(const CurlTransfer& transfer) {
    return queues_.try_emplace(transfer.host, options_.max_connections_per_host)
        .first->second;
  }

  // One line when an endpoint's requests to a host begin to fail, fail in
  // another way, or work again; not one a request.
  void LogChange(const CurlTransfer& transfer, const std::string& outcome,
                 const absl::Status& error) {
    if (outcome == "stopped") return;
    std::string& last =
        QueueOf(transfer).LastOutcome(transfer.request.endpoint);
    if (last == outcome) return;
    last = outcome;
    Log(error.ok() ? LogLevel::kInfo : LogLevel::kWarning,
        "upstream_outcome_changed",
        {{"host", transfer.host},
         {"endpoint", transfer.request.endpoint},
         {"outcome", outcome},
         {"error", std::string(error.message())}});
  }

  const Options options_;
  Clock& clock_;
  Metrics& metrics_;
  // Outlives multi_, whose connections close into it.
  CurlSockets sockets_;
  const std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi_;

  Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Arrived, waiting and running.
  Shares places_ ABSL_GUARDED_BY(mutex_);
  std::deque<TransferPtr> arrived_ ABSL_GUARDED_BY(mutex_);

  // By host, of which there are as many as configured base URLs.
  std::map<std::string, CurlQueue> queues_;
  std::map<CURL*, TransferPtr> running_;
  // No waiting request expires before this.
  std::optional<Deadline> next_expiry_;
  int shown_count_ = 0;

  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<CurlHttpClient>> CurlHttpClient::Create(
    Options options, Clock& clock, Metrics& metrics) {
  WX_RETURN_IF_ERROR(CheckCaFile(options.ca_file));
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* multi = initialised == CURLE_OK ? curl_multi_init() : nullptr;
  if (multi == nullptr)
    return absl::InternalError("libcurl does not start: out of memory");
  return std::unique_ptr<CurlHttpClient>(new CurlHttpClient(
      std::make_unique<Loop>(std::move(options), clock, metrics, multi)));
}

CurlHttpClient::CurlHttpClient(std::unique_ptr<Loop> loop)
    : loop_(std::move(loop)) {}

CurlHttpClient::~CurlHttpClient() = default;

void CurlHttpClient::Send(HttpRequest request, Done<HttpResponse> done) {
  loop_->Send(
      std::make_unique<CurlTransfer>(std::move(request), std::move(done)));
}

}  // namespace wxident
