#include "tests/integration/simulator.h"

#include <curl/curl.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/hash.h"

namespace wxident {
namespace {

size_t Append(char* data, size_t size, size_t count, void* out) {
  static_cast<std::string*>(out)->append(data, size * count);
  return size * count;
}

}  // namespace

Simulator::Simulator(const std::string& dir)
    : ca_file_(dir + "/ca.pem"), curl_(curl_easy_init()) {
  process_ = std::make_unique<Process>(std::vector<std::string>{
      Runfile("simulator/wechat-simulator"), "--listen", "127.0.0.1:0", "--dir",
      dir, "--seed", "7"});
  const std::optional<std::string> line = process_->WaitForLine("\"url\"");
  if (!line.has_value()) {
    ADD_FAILURE() << "the simulator did not start:\n" << process_->log();
    return;
  }
  url_ = nlohmann::json::parse(*line).at("url").get<std::string>();
}

Simulator::~Simulator() { curl_easy_cleanup(curl_); }

nlohmann::json Simulator::Request(const std::string& method,
                                  const std::string& path,
                                  const std::string& body) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::string answer;
  const std::string url = absl::StrCat(url_, path);
  curl_easy_reset(curl_);
  curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl_, CURLOPT_CAINFO, ca_file_.c_str());
  curl_easy_setopt(curl_, CURLOPT_PROXY, "");
  curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, 20'000L);
  curl_easy_setopt(curl_, CURLOPT_CUSTOMREQUEST, method.c_str());
  if (method == "POST") {
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE,
                     static_cast<long>(body.size()));
  }
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &answer);
  const CURLcode code = curl_easy_perform(curl_);
  long status = 0;
  curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
  if (code != CURLE_OK || status != 200) {
    ADD_FAILURE() << method << " " << url << ": " << curl_easy_strerror(code)
                  << ", status " << status << ", " << answer;
    return nlohmann::json::object();
  }
  return answer.empty() ? nlohmann::json::object()
                        : nlohmann::json::parse(answer);
}

nlohmann::json Simulator::Call(const std::string& call,
                               const nlohmann::json& body) {
  return Request("POST", "/_sim/" + call, body.dump());
}

nlohmann::json Simulator::Get(const std::string& call) {
  return Request("GET", "/_sim/" + call, "");
}

std::string Simulator::LoginCode(const std::string& app_id,
                                 const std::string& user) {
  return Call("login_code", {{"app_id", app_id}, {"user", user}})
      .at("code")
      .get<std::string>();
}

std::string Simulator::OauthCode(const std::string& app_id,
                                 const std::string& user,
                                 const std::string& scope) {
  nlohmann::json ask = {{"app_id", app_id}, {"user", user}};
  if (!scope.empty()) ask["scope"] = scope;
  return Call("oauth_code", ask).at("code").get<std::string>();
}

void Simulator::Advance(absl::Duration time) {
  Call("clock/advance", {{"seconds", absl::ToDoubleSeconds(time)}});
}

int Simulator::Calls(const std::string& path, const std::string& app_id) {
  return Get(absl::StrCat("journal?limit=0&path=", path, "&app_id=", app_id))
      .at("count")
      .get<int>();
}

std::vector<nlohmann::json> Simulator::TokenCalls(const std::string& app_id) {
  std::vector<nlohmann::json> calls;
  const nlohmann::json journal = Get("journal?app_id=" + app_id);
  for (const nlohmann::json& call : journal.at("calls"))
    if (call.at("path") == "/cgi-bin/token" ||
        call.at("path") == "/cgi-bin/stable_token")
      calls.push_back(call);
  return calls;
}

Simulator::Tokens Simulator::TokensOf(const std::string& app_id,
                                      const std::string& mode) {
  const nlohmann::json state = Get("state");
  for (const nlohmann::json& app : state.at("apps")) {
    if (app.at("app_id") != app_id) continue;
    const nlohmann::json& line = app.at(mode + "_token");
    return {line.at("issued").get<int>(), line.value("forced_today", 0),
            line.at("newest").get<std::string>(),
            line.at("accepted").get<std::vector<std::string>>()};
  }
  ADD_FAILURE() << "the simulator knows no app " << app_id;
  return {};
}

std::string Simulator::DigestOf(const std::string& token) {
  return absl::BytesToHexString(Sha256(token).substr(0, 8));
}

std::string Simulator::FetchToken(const std::string& app_id,
                                  const std::string& secret,
                                  const std::string& mode, bool force) {
  const nlohmann::json answer =
      mode == "stable"
          ? Request("POST", "/cgi-bin/stable_token",
                    nlohmann::json{{"grant_type", "client_credential"},
                                   {"appid", app_id},
                                   {"secret", secret},
                                   {"force_refresh", force}}
                        .dump())
          : Request("GET",
                    absl::StrCat("/cgi-bin/token?grant_type=client_credential"
                                 "&appid=",
                                 app_id, "&secret=", secret),
                    "");
  return answer.at("access_token").get<std::string>();
}

void Simulator::Fault(const nlohmann::json& rule) { Call("faults", rule); }

void Simulator::Stop() {
  issued_ = Get("issued");
  process_.reset();
}

std::vector<std::pair<std::string, std::string>> Simulator::Issued() {
  if (process_ != nullptr) issued_ = Get("issued");
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [list, texts] : issued_.items())
    for (const nlohmann::json& text : texts)
      out.emplace_back("one of WeChat's " + list, text.get<std::string>());
  return out;
}

void Simulator::ClearFaults() { Request("DELETE", "/_sim/faults", ""); }

}  // namespace wxident
