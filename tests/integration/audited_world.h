#ifndef WXIDENT_TESTS_INTEGRATION_AUDITED_WORLD_H_
#define WXIDENT_TESTS_INTEGRATION_AUDITED_WORLD_H_

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "server/crypto/base64.h"
#include "tests/integration/process.h"
#include "tests/integration/wxidentd.h"

namespace wxident {

// A World with the key of an audit log, and what its files say.
struct AuditedWorld : World {
  AuditedWorld() {
    const std::string key = Base64Encode("CANARY-audit-key-CANARY-audit-ke");
    canary().AddKey("the audit key", key);
    std::ofstream(key_file) << "9 " << key << "\n";
    chmod(key_file.c_str(), 0600);
  }

  // What a server needs on its command line.
  std::vector<std::string> Flags(
      const std::vector<std::string>& more = {}) const {
    std::vector<std::string> flags = {"--audit-file", file, "--audit-key-file",
                                      key_file};
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  }

  static std::string Text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  // The lines of calls, of one method or of all.
  std::vector<nlohmann::json> Calls(const std::string& method = "") const {
    std::vector<nlohmann::json> calls;
    std::istringstream lines(Text(file));
    for (std::string line; std::getline(lines, line);) {
      const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
      // A line that was left half is no JSON.
      if (!json.is_object() || !json.contains("method")) continue;
      if (method.empty() || json["method"] == method) calls.push_back(json);
    }
    return calls;
  }

  // `wxidentd audit verify`: what it prints, and its exit code.
  struct Verdict {
    int exit_code;
    std::string text;
  };
  Verdict Verify(const std::vector<std::string>& files,
                 const std::string& head = "") const {
    std::vector<std::string> argv = {Runfile("server/wxidentd"), "audit",
                                     "verify", "--key-file=" + key_file};
    for (const std::string& path : files) argv.push_back("--file=" + path);
    if (!head.empty()) argv.push_back("--head=" + head);
    Process process(std::move(argv));
    const int exit_code = process.Wait();
    return {exit_code, process.log()};
  }

  const std::string file = dir() + "/audit.log";
  const std::string key_file = dir() + "/audit.key";
};

// What a server's log told of the chain's head at an event, the last time;
// "" when it told nothing.
inline std::string HeadTold(Wxidentd& server, const std::string& event) {
  std::string head;
  std::istringstream lines(server.process().log());
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object() && json.value("event", "") == event)
      head = json.value("head", "");
  }
  return head;
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_AUDITED_WORLD_H_
