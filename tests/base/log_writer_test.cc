#include "server/base/log_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/unique_fd.h"

namespace wxident {
namespace {

// Long enough for a machine that is very busy.
constexpr absl::Duration kLong = absl::Minutes(1);

// All that has been written to a file so far.
std::string TextOf(const UniqueFd& file) {
  std::string text(static_cast<size_t>(lseek(file.get(), 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(file.get(), text.data(), text.size(), 0),
            static_cast<ssize_t>(text.size()));
  return text;
}

struct Pipe {
  explicit Pipe(int flags) {
    std::array<int, 2> ends;
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC | flags), 0);
    out = std::make_unique<UniqueFd>(ends[0]);
    in = std::make_unique<UniqueFd>(ends[1]);
  }
  // Reads up to the end of the stream.
  std::string ReadAll() {
    const int flags = fcntl(out->get(), F_GETFL);
    fcntl(out->get(), F_SETFL, flags & ~O_NONBLOCK);
    std::string text;
    std::array<char, 4096> some;
    ssize_t count = 0;
    while ((count = read(out->get(), some.data(), some.size())) > 0)
      text.append(some.data(), static_cast<size_t>(count));
    return text;
  }

  std::unique_ptr<UniqueFd> out;
  std::unique_ptr<UniqueFd> in;
};

// How many lines `text` has, each of which must be `size` times one character.
int WholeLines(const std::string& text, size_t size) {
  std::istringstream in(text);
  std::string line;
  int count = 0;
  for (; std::getline(in, line); ++count)
    EXPECT_EQ(line, std::string(size, line.empty() ? '-' : line[0])) << count;
  return count;
}

TEST(LogWriterTest, WritesAllLinesOfAThreadInTheirOrder) {
  const UniqueFd file(memfd_create("log", MFD_CLOEXEC));
  LogWriter writer(file.get());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&writer, t] {
      for (int i = 0; i < 500; ++i) writer.Add(absl::StrCat(t, " ", i, "\n"));
    });
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(writer.Flush(kLong));
  std::istringstream in(TextOf(file));
  std::array<int, 4> next{};
  int thread = 0;
  int number = 0;
  while (in >> thread >> number) EXPECT_EQ(number, next[thread]++) << thread;
  for (int count : next) EXPECT_EQ(count, 500);
  EXPECT_EQ(writer.dropped(), 0u);
}

TEST(LogWriterTest, ALineIsWrittenWithoutAFlush) {
  const UniqueFd file(memfd_create("log", MFD_CLOEXEC));
  LogWriter writer(file.get());
  for (int i = 1; i <= 3; ++i) {
    writer.Add("line\n");
    while (TextOf(file).size() < 5u * i) std::this_thread::yield();
  }
}

TEST(LogWriterTest, ItsEndWritesWhatWaits) {
  const UniqueFd file(memfd_create("log", MFD_CLOEXEC));
  {
    LogWriter writer(file.get());
    for (int i = 0; i < 100; ++i) writer.Add("line\n");
  }
  EXPECT_EQ(TextOf(file).size(), 500u);
}

TEST(LogWriterTest, WhoLogsDoesNotWaitForAReader) {
  constexpr int kLines = 1000;
  constexpr size_t kSize = 1000;
  Pipe pipe(0);
  std::string text;
  uint64_t dropped = 0;
  {
    LogWriter writer(pipe.in->get(), /*room=*/64 << 10);
    // This would not return, for nobody reads.
    for (int i = 0; i < kLines; ++i)
      writer.Add(std::string(kSize, static_cast<char>('a' + i % 26)) + "\n");
    EXPECT_FALSE(writer.Flush(absl::Milliseconds(10)));
    // The pipe and the room take less than a fourth.
    EXPECT_GT(writer.dropped(), kLines * 3u / 4);
    dropped = writer.dropped();
    std::thread reader([&] { text = pipe.ReadAll(); });
    EXPECT_TRUE(writer.Flush(kLong));
    // There is room again.
    writer.Add(std::string(kSize, 'z') + "\n");
    EXPECT_TRUE(writer.Flush(kLong));
    EXPECT_EQ(writer.dropped(), dropped);
    pipe.in.reset();
    reader.join();
  }
  EXPECT_EQ(WholeLines(text, kSize), kLines + 1 - static_cast<int>(dropped));
}

TEST(LogWriterTest, AFullDescriptorThatDoesNotBlockIsWaitedFor) {
  constexpr int kLines = 200;
  Pipe pipe(O_NONBLOCK);
  LogWriter writer(pipe.in->get());
  for (int i = 0; i < kLines; ++i) writer.Add(std::string(999, 'a') + "\n");
  std::string text;
  std::thread reader([&] { text = pipe.ReadAll(); });
  EXPECT_TRUE(writer.Flush(kLong));
  pipe.in.reset();
  reader.join();
  EXPECT_EQ(WholeLines(text, 999), kLines);
}

TEST(LogWriterTest, AReaderThatIsGoneHoldsNobodyUp) {
  Pipe pipe(0);
  pipe.out.reset();
  LogWriter writer(pipe.in->get());
  writer.Add("line\n");
  EXPECT_TRUE(writer.Flush(kLong));
  writer.Add("line\n");
  EXPECT_TRUE(writer.Flush(kLong));
  writer.FlushInSignalHandler();
}

TEST(LogWriterTest, OneLineMayBeLongerThanAPipeTakesAtOnce) {
  const UniqueFd file(memfd_create("log", MFD_CLOEXEC));
  LogWriter writer(file.get());
  writer.Add(std::string(10'000, 'x') + "\n");
  writer.Add("short\n");
  ASSERT_TRUE(writer.Flush(kLong));
  EXPECT_EQ(TextOf(file), std::string(10'000, 'x') + "\nshort\n");
}

}  // namespace
}  // namespace wxident
