#include "server/edge/message_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;

TEST(MessageReaderTest, FindsMessagesInAnyPieces) {
  const std::string body = Message("one") + Message("") + Message("three");
  for (size_t piece = 1; piece <= body.size(); ++piece) {
    MessageReader reader(5);
    std::vector<std::string> found;
    for (size_t at = 0; at < body.size(); at += piece)
      ASSERT_TRUE(reader
                      .Read(absl::string_view(body).substr(at, piece),
                            [&](absl::string_view message) {
                              found.emplace_back(message);
                              return true;
                            })
                      .ok());
    EXPECT_THAT(found, ElementsAre("one", "", "three"));
    EXPECT_EQ(reader.kept(), 0u);
  }
}

TEST(MessageReaderTest, StopsWhenItIsTold) {
  MessageReader reader(5);
  int found = 0;
  EXPECT_TRUE(reader
                  .Read(Message("a") + Message("b"),
                        [&](absl::string_view) { return ++found == 0; })
                  .ok());
  EXPECT_EQ(found, 1);
}

TEST(MessageReaderTest, RefusesALargeOneByItsPrefix) {
  for (const size_t piece : {1, 5, 99}) {
    MessageReader reader(5);
    const std::string body = Message("123456").substr(0, 5) + "1";
    absl::Status read;
    for (size_t at = 0; at < body.size() && read.ok(); at += piece)
      read = reader.Read(absl::string_view(body).substr(at, piece),
                         [](absl::string_view) { return true; });
    EXPECT_TRUE(absl::IsResourceExhausted(read)) << read;
    EXPECT_LE(reader.kept(), 5u);
  }
}

TEST(MessageReaderTest, RefusesACompressedOne) {
  MessageReader reader(5);
  EXPECT_TRUE(absl::IsInternal(
      reader.Read(Message("a", true), [](absl::string_view) { return true; })));
}

TEST(MessageReaderTest, TellsWhatItKeeps) {
  MessageReader reader(5);
  ASSERT_TRUE(reader
                  .Read(Message("four").substr(0, 7),
                        [](absl::string_view) { return true; })
                  .ok());
  EXPECT_EQ(reader.kept(), 7u);
}

}  // namespace
}  // namespace wxident
