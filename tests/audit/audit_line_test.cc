#include "server/audit/audit_line.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/audit/chain_sample.h"

namespace wxident {
namespace {

std::string CallLine(const AuditEntry& entry, uint64_t missing = 0) {
  AuditHead head;
  std::string line;
  AuditLineFormat(AuditKey())
      .AppendCall(entry, {absl::FromUnixMicros(1767323045000006), missing},
                  head, line);
  return line;
}

TEST(AuditLineTest, HasItsFieldsInOneOrder) {
  const std::string line = CallLine(SampleEntry(1));
  const auto json = nlohmann::json::parse(line);
  EXPECT_TRUE(absl::StartsWith(
      line,
      "{\"time\":\"2026-01-02T03:04:05.000006Z\",\"seq\":1,"
      "\"caller\":\"spiffe://corp/orders\",\"method\":\"GetAccessToken\","
      "\"app\":\"wx4f4bc4dec97d474b\",\"subject\":\""))
      << line;
  EXPECT_EQ(json.at("subject").get<std::string>().size(), 32);
  EXPECT_EQ(json.at("result"), "OK");
  EXPECT_EQ(json.at("key_id"), 7);
  EXPECT_EQ(json.at("request_id"), "request-1");
  EXPECT_EQ(json.at("prev"), std::string(64, '0'));
  EXPECT_EQ(json.at("mac").get<std::string>().size(), 64);
  EXPECT_FALSE(json.contains("missing"));
  EXPECT_EQ(nlohmann::json::parse(CallLine(SampleEntry(1), 5)).at("missing"),
            5);
}

TEST(AuditLineTest, ASubjectIsToldByItsKeyedHashAlone) {
  const AuditLineFormat format(AuditKey());
  const AuditLineFormat other(OtherAuditKey());
  EXPECT_FALSE(absl::StrContains(CallLine(SampleEntry(1)), "openid-1"));
  EXPECT_EQ(format.SubjectHash("o1"), format.SubjectHash("o1"));
  EXPECT_NE(format.SubjectHash("o1"), format.SubjectHash("o2"));
  EXPECT_NE(format.SubjectHash("o1"), other.SubjectHash("o1"));
  EXPECT_EQ(format.SubjectHash(""), "");
}

TEST(AuditLineTest, WhatCallersSayStaysInItsField) {
  AuditEntry entry = SampleEntry(1);
  entry.caller =
      "a\",\"event\":\"half_line\",\"bytes\":0,\"mac\":\"00\"}\n{\"b\":\"\\";
  entry.app_id = std::string("\0\x1f\x7f\xff", 4);
  entry.method = std::string(1000, 'm');
  entry.reason = "\xe5\xbe\xae";
  const std::string line = CallLine(entry);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  for (char c : line) EXPECT_TRUE((c >= 0x20 && c < 0x7f) || c == '\n');
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json.at("caller"), entry.caller);
  EXPECT_EQ(json.at("method"), std::string(256, 'm') + "...");
  const std::optional<AuditLine> read =
      AuditLineFormat(AuditKey()).Read(line.substr(0, line.size() - 1));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->event, "");
  EXPECT_EQ(read->seq, 1);
}

TEST(AuditLineTest, IsReadAsWritten) {
  ChainSample sample;
  sample.Missing(3);
  sample.Event("file_begun");
  sample.Calls(1);
  sample.HalfLine();
  const AuditLineFormat format(AuditKey());
  const AuditLine begun = format.Read(sample.lines[0]).value();
  EXPECT_EQ(begun.event, "file_begun");
  EXPECT_EQ(begun.missing, 3);
  EXPECT_EQ(begun.prev, AuditHead().mac);
  const AuditLine call = format.Read(sample.lines[1]).value();
  EXPECT_EQ(call.seq, 2);
  EXPECT_EQ(call.missing, 0);
  EXPECT_EQ(call.prev, begun.mac);
  const AuditLine half = format.Read(sample.lines[3]).value();
  EXPECT_EQ(half.event, "half_line");
  EXPECT_EQ(half.half_bytes, 102);
  EXPECT_EQ(half.half_sha256.size(), 64);
  EXPECT_EQ(half.prev, call.mac);
  EXPECT_FALSE(AuditLineFormat(OtherAuditKey()).Read(sample.lines[0]));
  EXPECT_FALSE(format.Read(""));
  EXPECT_FALSE(format.Read("\"}"));
  EXPECT_FALSE(format.Read("{\"mac\":\"" + std::string(64, '0') + "\"}"));
}

}  // namespace
}  // namespace wxident
