// Calls one method of a gRPC server as fast as it answers and prints what it
// saw as one line of JSON. The line "begin" comes first, when it has warmed up,
// and "end" when it has measured, so that others may look at the server at the
// same moments.

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bench/peers/load.h"
#include "server/base/status_macros.h"

namespace wxident {
namespace {

constexpr char kUsage[] = R"(usage: load --addr IP:PORT --path /SERVICE/METHOD
            --requests FILE [...]
  --requests FILE    messages in their wire format, each behind its size as a
                     varint; sent in turn
  --each-once yes    no request is sent twice; the run ends with the last
  --in-flight N      calls under way at once (1)
  --connections N    that they are spread over (1)
  --warm-up SECONDS  before it measures (1)
  --seconds SECONDS  that it measures (5)
  --tls-ca FILE --tls-cert FILE --tls-key FILE
                     PEM, all three; without them it speaks plain text
)";

using Flags = std::map<std::string, std::string>;

absl::StatusOr<Flags> ReadFlags(int argc, char** argv) {
  Flags flags = {{"addr", ""},      {"path", ""},       {"requests", ""},
                 {"each-once", ""}, {"in-flight", "1"}, {"connections", "1"},
                 {"warm-up", "1"},  {"seconds", "5"},   {"tls-ca", ""},
                 {"tls-cert", ""},  {"tls-key", ""}};
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    const auto flag =
        name.rfind("--", 0) == 0 ? flags.find(name.substr(2)) : flags.end();
    if (flag == flags.end() || i + 1 == argc)
      return absl::InvalidArgumentError(
          absl::StrCat(name, " is no flag, or lacks its value\n", kUsage));
    flag->second = argv[i + 1];
  }
  return flags;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::StatusOr<std::vector<std::string>> Messages(const std::string& bytes) {
  std::vector<std::string> out;
  for (size_t at = 0; at < bytes.size();) {
    uint64_t size = 0;
    int shift = 0;
    unsigned char byte = 0x80;
    for (; (byte & 0x80) != 0 && at < bytes.size() && shift < 35; shift += 7) {
      byte = static_cast<unsigned char>(bytes[at++]);
      size |= static_cast<uint64_t>(byte & 0x7f) << shift;
    }
    if ((byte & 0x80) != 0 || size > bytes.size() - at)
      return absl::InvalidArgumentError("--requests: its last message is cut");
    out.push_back(bytes.substr(at, size));
    at += size;
  }
  return out;
}

absl::StatusOr<LoadOptions> OptionsOf(const Flags& flags) {
  LoadOptions options;
  const std::string& addr = flags.at("addr");
  const size_t colon = addr.rfind(':');
  int port = 0;
  double warm_up = 0, seconds = 0;
  if (colon == std::string::npos ||
      !absl::SimpleAtoi(addr.substr(colon + 1), &port) || port < 1 ||
      port > 65535 ||
      !absl::SimpleAtoi(flags.at("in-flight"), &options.in_flight) ||
      !absl::SimpleAtoi(flags.at("connections"), &options.connections) ||
      !absl::SimpleAtod(flags.at("warm-up"), &warm_up) || warm_up < 0 ||
      !absl::SimpleAtod(flags.at("seconds"), &seconds) || seconds <= 0 ||
      flags.at("path").empty())
    return absl::InvalidArgumentError(
        absl::StrCat("a flag is missing or is no such number\n", kUsage));
  options.host = addr.substr(0, colon);
  options.port = static_cast<uint16_t>(port);
  options.path = flags.at("path");
  options.each_once = !flags.at("each-once").empty();
  options.warm_up = absl::Seconds(warm_up);
  options.time = absl::Seconds(seconds);
  WX_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(flags.at("requests")));
  WX_ASSIGN_OR_RETURN(options.requests, Messages(bytes));
  return options;
}

absl::StatusOr<std::unique_ptr<TlsClient>> TlsOf(const Flags& flags) {
  if (flags.at("tls-ca").empty()) return nullptr;
  WX_ASSIGN_OR_RETURN(const std::string ca, ReadFile(flags.at("tls-ca")));
  WX_ASSIGN_OR_RETURN(const std::string own, ReadFile(flags.at("tls-cert")));
  WX_ASSIGN_OR_RETURN(const std::string key, ReadFile(flags.at("tls-key")));
  return TlsClient::Create(ca, own, key);
}

void Say(absl::string_view line) {
  std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  std::fflush(stdout);
}

nlohmann::json ToJson(const LoadResult& result) {
  const auto us = [](absl::Duration time) {
    return absl::ToDoubleMicroseconds(time);
  };
  nlohmann::json failed = nlohmann::json::object();
  uint64_t errors = 0;
  for (const auto& [status, count] : result.failed) {
    failed[absl::StrCat(status)] = count;
    errors += count;
  }
  const double answered = static_cast<double>(result.answered);
  return {{"seconds", absl::ToDoubleSeconds(result.took)},
          {"answered", result.answered},
          {"calls_per_second", answered / absl::ToDoubleSeconds(result.took)},
          {"p50_us", us(result.p50)},
          {"p99_us", us(result.p99)},
          {"max_us", us(result.longest)},
          {"errors", errors},
          {"failed", failed},
          {"least_answer", result.least_answer},
          {"largest_answer", result.largest_answer},
          {"own_cpu_us", us(result.own_cpu) / std::max<double>(1, answered)},
          {"ran_out", result.ran_out}};
}

absl::Status Main(int argc, char** argv) {
  WX_ASSIGN_OR_RETURN(const Flags flags, ReadFlags(argc, argv));
  WX_ASSIGN_OR_RETURN(LoadOptions options, OptionsOf(flags));
  WX_ASSIGN_OR_RETURN(const std::unique_ptr<TlsClient> tls, TlsOf(flags));
  options.tls = tls.get();
  options.on_begin = [] { Say("begin"); };
  options.on_end = [] { Say("end"); };
  WX_ASSIGN_OR_RETURN(const LoadResult result, RunLoad(options));
  Say(ToJson(result).dump());
  return absl::OkStatus();
}

}  // namespace
}  // namespace wxident

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const absl::Status status = wxident::Main(argc, argv);
  if (status.ok()) return 0;
  std::fprintf(stderr, "load: %s\n", std::string(status.message()).c_str());
  return 1;
}
