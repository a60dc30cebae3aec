#include "tests/integration/faketime.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_format.h"

namespace wxident {
namespace {

// libfaketime, which Debian keeps beside the machine's other libraries.
std::string Library() {
  for (const auto& folder : std::filesystem::directory_iterator("/usr/lib")) {
    const std::string path =
        folder.path().string() + "/faketime/libfaketimeMT.so.1";
    if (std::filesystem::exists(path)) return path;
  }
  ADD_FAILURE() << "libfaketime is not installed";
  return "";
}

}  // namespace

std::vector<std::string> WallClockAhead(int minutes) {
  return {"LD_PRELOAD=" + Library(), absl::StrFormat("FAKETIME=%+dm", minutes),
          "FAKETIME_DONT_FAKE_MONOTONIC=1",
          // A sanitizer's runtime wants to be the first library.
          "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0"};
}

}  // namespace wxident
