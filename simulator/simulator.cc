#include "simulator/simulator.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "server/base/log.h"
#include "simulator/endpoints.h"
#include "simulator/errcode.h"
#include "simulator/pages.h"

namespace wxident::simulator {
namespace {

// What callers write into the journal and the log is theirs; its size is ours.
std::string Shortened(const std::string& text) { return text.substr(0, 128); }

bool IsControl(absl::string_view path) {
  return absl::StartsWith(path, kControlPrefix);
}

// What the journal calls the reply.
std::string OutcomeOf(const HttpReply& reply, const Journal::Entry& entry,
                      const FaultRule* fault) {
  if (reply.reset) return "reset";
  if (reply.cut_after.has_value()) return "cut";
  if (reply.status != 200) return absl::StrCat("http ", reply.status);
  if (fault != nullptr && fault->body.has_value()) return "body";
  if (entry.errcode.value_or(0) != 0)
    return absl::StrCat("errcode ", *entry.errcode);
  return "ok";
}

void NoteErrcode(const Json& body, Journal::Entry& entry) {
  auto errcode = body.find("errcode");
  if (errcode == body.end())
    entry.errcode = 0;
  else if (int number = 0;
           errcode->is_string() &&
           absl::SimpleAtoi(errcode->get<std::string>(), &number))
    entry.errcode = number;
  else if (errcode->is_number_integer())
    entry.errcode = errcode->get<int>();
}

// Unless a fault has given another.
void AddDate(absl::Time now, HttpReply& reply) {
  for (const auto& [name, value] : reply.headers)
    if (absl::EqualsIgnoreCase(name, "Date")) return;
  reply.headers.emplace_back(
      "Date", absl::FormatTime("%a, %d %b %E4Y %H:%M:%S GMT", now,
                               absl::UTCTimeZone()));
}

}  // namespace

Simulator::Simulator(Config config, Clock& clock)
    : config_(std::move(config)),
      clock_(clock),
      state_(std::make_unique<State>(config_, clock_)) {}

Simulator::Call Simulator::Begin(HttpRequest request) {
  Call call;
  call.epoch = epoch_;
  if (IsControl(request.path)) {
    call.request = std::move(request);
    return call;
  }
  const std::string app_id = AppOf(request);
  call.journal_seq = state_->journal.Add(
      {0, state_->world.clock.Now(), Shortened(request.method),
       Shortened(request.path), Shortened(app_id)},
      static_cast<size_t>(state_->world.settings.journal_limit));
  if (FindEndpoint(request.path) != nullptr && !Refuses(request))
    call.fault = state_->faults.Strike(request.path, app_id);
  if (call.fault != nullptr && !call.fault->after)
    call.wait = call.fault->latency;
  call.request = std::move(request);
  return call;
}

HttpReply Simulator::Finish(Call call) {
  if (call.request.path == "/_sim/reset" && call.request.method == "POST") {
    state_ = std::make_unique<State>(config_, clock_);
    ++epoch_;
    rids_ = 0;
    return ControlReply(200, Json::object());
  }
  if (IsControl(call.request.path)) return Control(*state_, call.request);

  Journal::Entry unseen;
  Journal::Entry* entry =
      call.epoch == epoch_ ? state_->journal.Find(call.journal_seq) : nullptr;
  if (entry == nullptr) entry = &unseen;
  HttpReply reply = AnswerApi(call, *entry);
  AddDate(state_->world.clock.Now(), reply);
  entry->outcome = OutcomeOf(reply, *entry, call.fault.get());
  entry->http_status = reply.reset ? 0 : reply.status;
  Log(LogLevel::kDebug, "call",
      {{"path", entry->path},
       {"app_id", entry->app_id},
       {"outcome", entry->outcome}});
  return reply;
}

void Simulator::Abandon(const Call& call) {
  if (call.epoch != epoch_ || call.journal_seq == 0) return;
  Journal::Entry* entry = state_->journal.Find(call.journal_seq);
  if (entry == nullptr) return;
  entry->outcome = "client gone";
  if (call.fault != nullptr) entry->fault = call.fault->Kinds();
}

bool Simulator::Refuses(const HttpRequest& request) const {
  return state_->world.settings.require_content_length &&
         request.method == "POST" && !request.has_content_length;
}

HttpReply Simulator::AnswerApi(const Call& call, Journal::Entry& entry) {
  const FaultRule* fault = call.fault.get();
  const Settings& settings = state_->world.settings;
  HttpReply reply;
  if (fault == nullptr) return NormalAnswer(call, entry);

  entry.fault = fault->Kinds();
  if (!fault->ReplacesAnswer() || fault->after) {
    reply = NormalAnswer(call, entry);
  } else {
    reply.content_type = ContentType(call.request.path);
  }
  if (fault->after) reply.delay = fault->latency;
  if (fault->reset) {
    reply.reset = true;
    entry.errcode.reset();
    return reply;
  }

  if (fault->ReplacesAnswer()) {
    entry.errcode.reset();
    reply.body.clear();
  }
  if (fault->http_status.has_value()) reply.status = *fault->http_status;
  if (fault->body.has_value()) {
    reply.body = *fault->body;
  } else {
    std::optional<Json> body;
    if (fault->errcode.has_value()) {
      const int number =
          fault->errcode->is_number() ? fault->errcode->get<int>() : 0;
      body =
          ErrorBody(call.request, entry.app_id, *fault->errcode,
                    fault->errmsg.value_or(std::string(ErrcodeText(number))));
    } else if (!fault->ReplacesAnswer()) {
      body = ParseJson(reply.body);
    }
    if (body.has_value()) {
      if (!fault->patch.is_null()) Merge(fault->patch, *body);
      for (const std::string& which : fault->remove) RemoveMember(which, *body);
      NoteErrcode(*body, entry);
      reply.body = WriteJson(*body);
      if (settings.escape_slashes)
        reply.body = absl::StrReplaceAll(reply.body, {{"/", "\\/"}});
    }
  }
  if (fault->raw_control) reply.body = UnescapeControls(reply.body);
  if (fault->invalid_utf8)
    reply.body = absl::StrReplaceAll(reply.body, {{"\xEF\xBF\xBD", "\xFF"}});
  if (fault->content_type.has_value())
    reply.content_type = *fault->content_type;
  reply.headers = fault->headers;
  if (reply.body.size() < fault->pad_to) reply.body.resize(fault->pad_to, ' ');
  reply.cut_after = fault->cut_after;
  return reply;
}

HttpReply Simulator::NormalAnswer(const Call& call, Journal::Entry& entry) {
  const HttpRequest& request = call.request;
  World& world = state_->world;
  HttpReply reply;
  if (Refuses(request)) {
    reply.status = 412;
    return reply;
  }
  if (IsPage(request.path)) return AnswerPage(request, entry);
  const Endpoint* endpoint = FindEndpoint(request.path);
  if (endpoint == nullptr) {
    Log(LogLevel::kError, "UNKNOWN PATH: the simulator has no such endpoint",
        {{"method", Shortened(request.method)},
         {"path", Shortened(request.path)}});
    reply.status = static_cast<int>(world.settings.unknown_path_status);
    return reply;
  }

  reply.content_type = ContentType(request.path);
  ApiCall api{request, entry.app_id, "", std::nullopt};
  Answer answer;
  if (endpoint->method == "POST" && request.method != "POST") {
    answer = Refuse(kPostRequired);
  } else if (endpoint->method == "GET" && request.method != "GET" &&
             world.settings.refuse_post_to_get) {
    answer = Refuse(kGetRequired);
  } else {
    answer = endpoint->answer(world, api);
    entry.effect = answer.ok();
  }
  entry.app_id = Shortened(api.app_id);
  entry.user = Shortened(api.user);
  entry.given = std::move(api.given);
  entry.errcode = answer.errcode;
  reply.body = WriteJson(
      answer.ok() ? answer.body
                  : ErrorBody(request, entry.app_id, answer.errcode,
                              answer.text.empty() ? ErrcodeText(answer.errcode)
                                                  : answer.text));
  if (world.settings.escape_slashes)
    reply.body = absl::StrReplaceAll(reply.body, {{"/", "\\/"}});
  return reply;
}

HttpReply Simulator::AnswerPage(const HttpRequest& request,
                                Journal::Entry& entry) {
  Visit visit{request};
  HttpReply reply = AnswerVisit(state_->world, visit);
  entry.app_id = Shortened(visit.app_id);
  entry.user = Shortened(visit.user);
  if (visit.errcode != 0) entry.errcode = visit.errcode;
  entry.effect = visit.effect;
  return reply;
}

Json Simulator::ErrorBody(const HttpRequest& request, const std::string& app_id,
                          const Json& errcode, absl::string_view text) {
  World& world = state_->world;
  const absl::Time now = world.clock.Now();
  const std::string rid = world.maker.Rid(now, ++rids_);
  Json body = {
      {"errcode", errcode},
      {"errmsg",
       absl::StrCat(
           text, absl::StartsWith(request.path, "/sns/") ? ", rid: " : " rid: ",
           rid)}};
  world.rids.Add(
      rid, {app_id, request.path, request.client_ip, WriteJson(body), now});
  return body;
}

std::string Simulator::AppOf(const HttpRequest& request) const {
  const std::string& app_id = request.Query("appid");
  if (!app_id.empty()) return app_id;
  const std::string& token = request.Query("access_token");
  std::string owner;
  if (!token.empty()) {
    state_->world.tokens.Check(token, state_->world.clock.Now(), &owner);
    const Grant* grant = state_->world.grants.FindByAccessToken(token);
    if (grant != nullptr) owner = grant->app_id;
    return owner;
  }
  if (request.method != "POST") return "";
  const std::optional<Json> body = ParseJson(request.body);
  if (!body.has_value() || !body->is_object()) return "";
  auto found = body->find("appid");
  return found != body->end() && found->is_string() ? found->get<std::string>()
                                                    : "";
}

const std::string& Simulator::ContentType(absl::string_view path) const {
  const Settings& settings = state_->world.settings;
  return absl::StartsWith(path, "/sns/") ? settings.content_type_sns
                                         : settings.content_type_other;
}

}  // namespace wxident::simulator
