#include "server/audit/audit_line.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/audit/json_text.h"
#include "server/crypto/hash.h"

namespace wxident {
namespace {

constexpr size_t kMacDigits = 64;
// Enough that no two people share one.
constexpr size_t kSubjectBytes = 16;
constexpr absl::string_view kPrev = ",\"prev\":\"";
constexpr absl::string_view kMac = ",\"mac\":\"";
constexpr absl::string_view kEnd = "\"}";

// As absl::FormatTime with "%Y-%m-%dT%H:%M:%E6SZ", UTC, but quick.
void AppendTime(absl::Time time, std::string& out) {
  static const absl::TimeZone& utc = *new absl::TimeZone(absl::UTCTimeZone());
  const absl::TimeZone::CivilInfo info = utc.At(time);
  const absl::CivilSecond& second = info.cs;
  const auto digits = [](int64_t number, int count, char* end) {
    for (; count > 0; --count, number /= 10)
      *--end = static_cast<char>('0' + number % 10);
  };
  char text[] = "0000-00-00T00:00:00.000000Z";
  digits(second.year(), 4, text + 4);
  digits(second.month(), 2, text + 7);
  digits(second.day(), 2, text + 10);
  digits(second.hour(), 2, text + 13);
  digits(second.minute(), 2, text + 16);
  digits(second.second(), 2, text + 19);
  digits(absl::ToInt64Microseconds(info.subsecond), 6, text + 26);
  out.append(text, sizeof(text) - 1);
}

// Callers name themselves and their apps: whatever they send stays inside its
// quotes.
void AppendText(absl::string_view name, absl::string_view text,
                std::string& out) {
  absl::StrAppend(&out, ",\"", name, "\":");
  AppendJsonText(text, out);
}

void Open(const AuditStamp& stamp, AuditHead& head, std::string& out) {
  ++head.seq;
  out += "{\"time\":\"";
  AppendTime(stamp.time, out);
  absl::StrAppend(&out, "\",\"seq\":", head.seq);
  if (stamp.missing > 0) absl::StrAppend(&out, ",\"missing\":", stamp.missing);
}

// Takes what stands between `before` and the next `end` off the front.
std::optional<absl::string_view> Take(absl::string_view before, char end,
                                      absl::string_view& text) {
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, before)) return std::nullopt;
  const size_t size = rest.find(end);
  if (size == absl::string_view::npos) return std::nullopt;
  text = rest.substr(size);
  return rest.substr(0, size);
}

bool TakeNumber(absl::string_view before, absl::string_view& text,
                uint64_t& number) {
  const std::optional<absl::string_view> digits = Take(before, ',', text);
  return digits.has_value() && absl::SimpleAtoi(*digits, &number);
}

}  // namespace

AuditLineFormat::AuditLineFormat(const Secret& key)
    : chain_key_(
          Secret(HmacSha256(key.Expose(), "wxident audit chain 1")).Expose()),
      subject_key_(Secret(HmacSha256(key.Expose(), "wxident audit subject 1"))
                       .Expose()) {}

void AuditLineFormat::AppendCall(const AuditEntry& entry,
                                 const AuditStamp& stamp, AuditHead& head,
                                 std::string& out) const {
  const size_t begin = out.size();
  Open(stamp, head, out);
  AppendText("caller", entry.caller, out);
  AppendText("method", entry.method, out);
  AppendText("app", entry.app_id, out);
  AppendText("subject", SubjectHash(entry.subject), out);
  AppendText("result", entry.reason, out);
  absl::StrAppend(&out, ",\"key_id\":", entry.key_id);
  AppendText("request_id", entry.request_id, out);
  Close(begin, head, out);
}

void AuditLineFormat::AppendEvent(absl::string_view event,
                                  const AuditStamp& stamp, AuditHead& head,
                                  std::string& out) const {
  const size_t begin = out.size();
  Open(stamp, head, out);
  AppendText("event", event, out);
  Close(begin, head, out);
}

void AuditLineFormat::AppendHalfLine(absl::string_view half,
                                     const AuditStamp& stamp, AuditHead& head,
                                     std::string& out) const {
  const size_t begin = out.size();
  Open(stamp, head, out);
  AppendText("event", "half_line", out);
  absl::StrAppend(&out, ",\"bytes\":", half.size());
  AppendText("sha256", absl::BytesToHexString(Sha256(half)), out);
  Close(begin, head, out);
}

void AuditLineFormat::Close(size_t begin, AuditHead& head,
                            std::string& out) const {
  absl::StrAppend(&out, kPrev, head.mac, "\"");
  head.mac = absl::BytesToHexString(
      chain_key_.Mac(absl::string_view(out).substr(begin)));
  absl::StrAppend(&out, kMac, head.mac, kEnd, "\n");
}

std::optional<AuditLine> AuditLineFormat::Read(absl::string_view line) const {
  if (!absl::ConsumeSuffix(&line, kEnd) ||
      line.size() < kMac.size() + kMacDigits)
    return std::nullopt;
  AuditLine read;
  read.mac = std::string(line.substr(line.size() - kMacDigits));
  line.remove_suffix(kMacDigits);
  if (!absl::ConsumeSuffix(&line, kMac)) return std::nullopt;
  // Compared as text: one mac has one form.
  if (!ConstantTimeEquals(read.mac,
                          absl::BytesToHexString(chain_key_.Mac(line))))
    return std::nullopt;

  absl::string_view rest = line;
  if (!Take("{\"time\":\"", '"', rest).has_value() ||
      !TakeNumber("\",\"seq\":", rest, read.seq))
    return std::nullopt;
  TakeNumber(",\"missing\":", rest, read.missing);
  if (const auto event = Take(",\"event\":\"", '"', rest)) {
    read.event = std::string(*event);
    rest.remove_prefix(1);
    if (TakeNumber(",\"bytes\":", rest, read.half_bytes))
      read.half_sha256 =
          std::string(Take(",\"sha256\":\"", '"', rest).value_or(""));
  }
  if (line.size() < kMacDigits + 1) return std::nullopt;
  read.prev =
      std::string(line.substr(line.size() - kMacDigits - 1, kMacDigits));
  return read;
}

std::string AuditLineFormat::SubjectHash(absl::string_view subject) const {
  if (subject.empty()) return "";
  return absl::BytesToHexString(
      subject_key_.Mac(subject).substr(0, kSubjectBytes));
}

}  // namespace wxident
