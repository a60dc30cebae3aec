#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "server/config/config_parser.h"

// A config file's text may be anything: the parser must come to an end, give
// problems of bounded number and one line each, and never read a file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  wxident::ConfigProblems problems;
  wxident::ConfigPlaces places;
  const wxident::ConfigDraft draft =
      wxident::ParseConfig(text, "/folder", {}, problems, places);
  if (problems.lines().size() > 101) std::abort();
  for (const std::string& line : problems.lines())
    if (line.find('\n') != std::string::npos || line.size() > 1000)
      std::abort();
  // Without problems the draft is whole.
  if (problems.lines().empty() &&
      (draft.config.apps.empty() ||
       draft.config.apps.size() != draft.app_secret_files.size() ||
       draft.config.keys.ring_file.empty() ||
       draft.config.database.url.empty()))
    std::abort();
  // The same text as a flag's value must be taken or refused as calmly.
  wxident::ConfigSources sources;
  sources.flags["wechat.base_urls"] = std::string(text);
  sources.flags["database.url"] = std::string(text);
  sources.flags["grpc.addr"] = std::string(text);
  sources.flags["sessions.max_ttl"] = std::string(text);
  wxident::ConfigProblems flag_problems;
  wxident::ParseConfig("", "", sources, flag_problems, places);
  if (flag_problems.lines().empty()) std::abort();
  return 0;
}
