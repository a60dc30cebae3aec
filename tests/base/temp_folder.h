#ifndef WXIDENT_TESTS_BASE_TEMP_FOLDER_H_
#define WXIDENT_TESTS_BASE_TEMP_FOLDER_H_

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace wxident {

// A folder of a test's own, which goes with it.
class TempFolder {
 public:
  TempFolder() : path_(testing::TempDir() + "/test-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string Path(absl::string_view name) const {
    return absl::StrCat(path_, "/", name);
  }

  // Makes or replaces the file, and the folders above it. Returns its path.
  std::string Write(absl::string_view name, absl::string_view text,
                    mode_t mode = 0600) const {
    const std::filesystem::path path = Path(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0) << path;
    return path;
  }

 private:
  std::string path_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_BASE_TEMP_FOLDER_H_
