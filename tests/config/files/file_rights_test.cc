#include "server/config/files/file_rights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace wxident {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr uid_t kRoot = 0;
constexpr uid_t kUs = 1000;
constexpr uid_t kOther = 1001;
constexpr gid_t kOurGroup = 2000;
constexpr gid_t kOtherGroup = 2001;

struct stat File(uid_t owner, mode_t mode, gid_t group = kOurGroup) {
  struct stat file {};
  file.st_uid = owner;
  file.st_gid = group;
  file.st_mode = S_IFREG | mode;
  return file;
}

const ProcessIds kProcess{.user = kUs, .groups = {kOurGroup, 3000}};

std::string Secret(uid_t owner, mode_t mode,
                   const ProcessIds& process = kProcess) {
  return std::string(CheckSecretRights(File(owner, mode), process).message());
}

std::string Trusted(mode_t mode, gid_t group,
                    const ProcessIds& process = kProcess) {
  return std::string(
      CheckTrustedRights(File(kOther, mode, group), process).message());
}

TEST(FileRightsTest, OurOwnSecretsAreOursAlone) {
  for (mode_t mode : {0400, 0600, 0700}) EXPECT_EQ(Secret(kUs, mode), "");
  for (mode_t mode : {0440, 0640, 0620, 0610, 0604, 0602, 0601, 0644, 0777})
    EXPECT_THAT(Secret(kUs, mode), HasSubstr("chmod 600")) << mode;
}

TEST(FileRightsTest, RootMayGiveAGroupItsSecrets) {
  for (mode_t mode : {0400, 0440, 0600, 0640})
    EXPECT_EQ(Secret(kRoot, mode), "") << mode;
  for (mode_t mode : {0444, 0644, 0460, 0660, 0450, 0442, 0441})
    EXPECT_THAT(Secret(kRoot, mode), HasSubstr("chmod 440")) << mode;
}

TEST(FileRightsTest, RootsOwnProcessesShareNothing) {
  const ProcessIds root{.user = kRoot, .groups = {0}};
  EXPECT_EQ(Secret(kRoot, 0600, root), "");
  EXPECT_THAT(Secret(kRoot, 0440, root), HasSubstr("chmod 600"));
  EXPECT_THAT(Secret(kUs, 0600, root), HasSubstr("belongs to user 1000"));
}

TEST(FileRightsTest, SomebodyElsesSecretIsRefused) {
  for (mode_t mode : {0400, 0440, 0600, 0640, 0644}) {
    const std::string said = Secret(kOther, mode);
    EXPECT_THAT(said, HasSubstr("belongs to user 1001")) << mode;
    EXPECT_THAT(said, HasSubstr("runs as user 1000")) << mode;
  }
}

TEST(FileRightsTest, NobodyElseMayChangeWhatIsTrusted) {
  for (mode_t mode : {0400, 0440, 0444, 0644, 0755}) {
    EXPECT_EQ(Trusted(mode, kOtherGroup), "") << mode;
    EXPECT_EQ(Trusted(mode, kOurGroup), "") << mode;
  }
  // What a umask of 002 and volumes with fsGroup make.
  for (gid_t group : {kOurGroup, gid_t{3000}, gid_t{0}})
    for (mode_t mode : {0664, 0660}) EXPECT_EQ(Trusted(mode, group), "");
  EXPECT_THAT(Trusted(0664, kOtherGroup), HasSubstr("chmod g-w"));
  EXPECT_THAT(Trusted(0664, kOtherGroup), HasSubstr("group 2001"));
  for (gid_t group : {kOurGroup, kOtherGroup, gid_t{0}})
    for (mode_t mode : {0666, 0646, 0602, 0777})
      EXPECT_THAT(Trusted(mode, group), HasSubstr("chmod o-w")) << mode;
}

TEST(FileRightsTest, AProcessKnowsItself) {
  const ProcessIds own = ProcessIds::Own();
  EXPECT_EQ(own.user, geteuid());
  EXPECT_THAT(own.groups, Contains(getegid()));
}

}  // namespace
}  // namespace wxident
