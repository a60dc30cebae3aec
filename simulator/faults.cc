#include "simulator/faults.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/status_macros.h"
#include "server/crypto/base64.h"
#include "simulator/endpoints.h"
#include "simulator/input.h"

namespace wxident::simulator {
namespace {

constexpr int64_t kMaxLatencyMs = 3600 * 1000;
constexpr int64_t kMaxBytes = 256 << 20;
constexpr int64_t kMaxCount = int64_t{1} << 40;

void ReadHeaders(Input& in, FaultRule& rule) {
  const Json* headers = in.OptionalObject("headers");
  if (headers == nullptr) return;
  for (const auto& [name, value] : headers->items()) {
    const bool text = value.is_string();
    const std::string line =
        absl::StrCat(name, text ? value.get<std::string>() : std::string());
    if (!text || name.empty() ||
        line.find_first_of("\r\n\0", 0, 3) != std::string::npos) {
      in.Fail("headers", "give an object of texts without line breaks");
      return;
    }
    rule.headers.emplace_back(name, value.get<std::string>());
  }
}

void ReadErrcode(Input& in, FaultRule& rule) {
  const Json* errcode = in.Any("errcode");
  if (errcode != nullptr && !errcode->is_number_integer() &&
      !errcode->is_string())
    in.Fail("errcode",
            "give a whole number, or a text to send it as a JSON string");
  else if (errcode != nullptr)
    rule.errcode = *errcode;
  rule.errmsg = in.OptionalText("errmsg");
  if (rule.errmsg.has_value() && !rule.errcode.has_value())
    in.Fail("errmsg",
            "goes with errcode only; use patch to change the text of "
            "a normal answer");
}

void ReadBody(Input& in, FaultRule& rule) {
  rule.body = in.OptionalText("body");
  const std::optional<std::string> base64 = in.OptionalText("body_base64");
  if (!base64.has_value()) return;
  if (rule.body.has_value())
    in.Fail("body_base64", "give it or body, not both");
  rule.body = Base64Decode(*base64);
  if (!rule.body.has_value())
    in.Fail("body_base64", "give padded standard base64");
}

void ReadWhen(Input& in, FaultRule& rule) {
  const std::optional<std::string> when = in.OptionalText("when");
  if (when.has_value() && *when != "before" && *when != "after")
    in.Fail("when", "give \"before\" or \"after\" (the effect of the call)");
  const bool changes_normal_answer =
      !rule.ReplacesAnswer() &&
      (!rule.patch.is_null() || !rule.remove.empty() || rule.raw_control ||
       rule.invalid_utf8 || rule.pad_to > 0 || rule.cut_after.has_value());
  if (changes_normal_answer && rule.latency == absl::ZeroDuration() &&
      when == "before")
    in.Fail("when",
            "this rule changes the normal answer, which exists only after the "
            "effect; leave it out or give \"after\"");
  rule.after = when == "after";
}

}  // namespace

std::string FaultRule::Kinds() const {
  std::vector<absl::string_view> kinds;
  if (latency > absl::ZeroDuration()) kinds.push_back("latency");
  if (reset) kinds.push_back("reset");
  if (errcode.has_value()) kinds.push_back("errcode");
  if (http_status.has_value()) kinds.push_back("http_status");
  if (body.has_value()) kinds.push_back("body");
  if (!patch.is_null() || !remove.empty()) kinds.push_back("patch");
  if (raw_control || invalid_utf8) kinds.push_back("bytes");
  if (content_type.has_value() || !headers.empty()) kinds.push_back("headers");
  if (pad_to > 0) kinds.push_back("pad");
  if (cut_after.has_value()) kinds.push_back("cut");
  return absl::StrJoin(kinds, ",");
}

absl::StatusOr<uint64_t> Faults::Add(const Json& input) {
  auto rule = std::make_shared<FaultRule>();
  Input in(input);
  rule->path = in.Text("path", "\"/sns/jscode2session\", or \"*\" for all");
  if (!rule->path.empty() && rule->path != "*" &&
      FindEndpoint(rule->path) == nullptr)
    in.Fail("path",
            "no such endpoint is simulated; GET /_sim/state lists "
            "them, \"*\" means all");
  rule->app_id = in.OptionalText("app_id").value_or("");
  rule->count = in.OptionalInteger("count", 1, kMaxCount);
  rule->probability = in.OptionalNumber("probability", 0, 1).value_or(1);
  rule->latency = absl::Milliseconds(
      in.OptionalInteger("latency_ms", 0, kMaxLatencyMs).value_or(0));
  ReadErrcode(in, *rule);
  if (auto status = in.OptionalInteger("http_status", 200, 599))
    rule->http_status = static_cast<int>(*status);
  ReadBody(in, *rule);
  rule->reset = in.OptionalBool("reset").value_or(false);
  if (const Json* patch = in.OptionalObject("patch")) rule->patch = *patch;
  if (auto remove = in.OptionalTexts("remove")) rule->remove = *remove;
  rule->raw_control = in.OptionalBool("raw_control").value_or(false);
  rule->invalid_utf8 = in.OptionalBool("invalid_utf8").value_or(false);
  rule->content_type = in.OptionalText("content_type");
  if (rule->content_type.has_value() &&
      rule->content_type->find_first_of("\r\n") != std::string::npos)
    in.Fail("content_type", "give a text without line breaks");
  ReadHeaders(in, *rule);
  if (auto pad = in.OptionalInteger("pad_to", 1, kMaxBytes))
    rule->pad_to = static_cast<size_t>(*pad);
  if (auto cut = in.OptionalInteger("cut_after", 0, kMaxBytes))
    rule->cut_after = static_cast<size_t>(*cut);
  ReadWhen(in, *rule);
  if (rule->Kinds().empty())
    in.Fail("rule",
            "it does nothing; give at least one of latency_ms, errcode, "
            "http_status, body, body_base64, reset, patch, remove, "
            "raw_control, invalid_utf8, content_type, headers, pad_to, "
            "cut_after");
  WX_RETURN_IF_ERROR(in.Finish());
  rule->id = ++last_id_;
  rule->input = input;
  rules_.push_back(std::move(rule));
  return last_id_;
}

bool Faults::Remove(uint64_t id) {
  auto found = std::find_if(rules_.begin(), rules_.end(),
                            [id](const auto& rule) { return rule->id == id; });
  if (found == rules_.end()) return false;
  rules_.erase(found);
  return true;
}

std::shared_ptr<const FaultRule> Faults::Strike(const std::string& path,
                                                const std::string& app_id) {
  for (const std::shared_ptr<FaultRule>& rule : rules_) {
    if (rule->path != "*" && rule->path != path) continue;
    if (!rule->app_id.empty() && rule->app_id != app_id) continue;
    if (rule->count.has_value() && *rule->count == 0) continue;
    ++rule->matched;
    if (rule->probability < 1 &&
        maker_.Fraction(rule->id, rule->matched) >= rule->probability)
      continue;
    ++rule->fired;
    if (rule->count.has_value()) --*rule->count;
    return rule;
  }
  return nullptr;
}

Json Faults::ToJson() const {
  Json out = Json::array();
  for (const std::shared_ptr<FaultRule>& rule : rules_) {
    Json entry = {{"id", rule->id}, {"fired", rule->fired}};
    if (rule->count.has_value()) entry["left"] = *rule->count;
    entry["rule"] = rule->input;
    out.push_back(std::move(entry));
  }
  return out;
}

void Merge(const Json& patch, Json& target) {
  if (!patch.is_object() || !target.is_object()) {
    target = patch;
    return;
  }
  for (const auto& [name, value] : patch.items()) Merge(value, target[name]);
}

void RemoveMember(const std::string& which, Json& target) {
  const size_t slash = which.rfind('/');
  Json* parent = &target;
  if (slash != std::string::npos && slash > 0) {
    // Walked by hand: a pointer that leads nowhere is no error here.
    size_t from = 1;
    while (from <= slash && parent != nullptr) {
      const size_t to = which.find('/', from);
      auto child = parent->is_object()
                       ? parent->find(which.substr(from, to - from))
                       : parent->end();
      parent = child == parent->end() ? nullptr : &*child;
      from = to + 1;
    }
  }
  if (parent != nullptr && parent->is_object())
    parent->erase(which.substr(slash == std::string::npos ? 0 : slash + 1));
}

std::string UnescapeControls(absl::string_view json) {
  std::string out;
  for (size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '\\' || i + 1 == json.size()) {
      out += json[i];
      continue;
    }
    constexpr absl::string_view kShort = "bfnrt";
    const size_t at = kShort.find(json[i + 1]);
    if (at != absl::string_view::npos) {
      out += "\b\f\n\r\t"[at];
      i += 1;
    } else if (json.substr(i, 4) == "\\u00" && i + 5 < json.size()) {
      out += absl::HexStringToBytes(json.substr(i + 4, 2));
      i += 5;
    } else {
      out += json[i];
      out += json[i + 1];
      i += 1;
    }
  }
  return out;
}

}  // namespace wxident::simulator
