#include "server/cli/audit_command.h"

#include <fstream>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/audit/audit_chain.h"
#include "server/base/status_macros.h"
#include "server/cli/exit_codes.h"
#include "server/cli/flag_arguments.h"
#include "server/config/files/config_files.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/secret.h"

namespace wxident {
namespace {

constexpr size_t kMacDigits = 64;

struct Request {
  std::vector<std::string> files;
  std::string key_file;
  std::string head;
};

absl::Status UsageError(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

bool IsMac(absl::string_view text) {
  if (text.size() != kMacDigits) return false;
  for (char c : text)
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  return true;
}

absl::StatusOr<Request> ReadArguments(
    const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] != "verify")
    return UsageError("the one thing to do is: audit verify");
  Request request;
  for (const auto& [name, value] :
       ReadFlagArguments({arguments.begin() + 1, arguments.end()})) {
    if (value.empty()) return UsageError(absl::StrCat(name, " needs a value"));
    if (name == "--file")
      request.files.push_back(value);
    else if (name == "--key-file")
      request.key_file = value;
    else if (name == "--head" && IsMac(value))
      request.head = absl::AsciiStrToLower(value);
    else if (name == "--head")
      return UsageError("--head must be 64 hexadecimal digits");
    else
      return UsageError(absl::StrCat("there is no argument ", name));
  }
  if (request.files.empty()) return UsageError("needs --file");
  if (request.key_file.empty()) return UsageError("needs --key-file");
  return request;
}

absl::StatusOr<Secret> ReadKey(const std::string& path) {
  WX_ASSIGN_OR_RETURN(const Secret text, ReadSecretFile(path));
  WX_ASSIGN_OR_RETURN(const std::vector<KeyRing::Key> keys,
                      KeyRing::Parse(text.Expose()));
  if (keys.size() != 1)
    return absl::InvalidArgumentError("the file must hold one key");
  return keys.front().bytes;
}

absl::Status ReadLines(const std::string& path, AuditChain& chain) {
  std::ifstream in(path, std::ios::binary);
  chain.BeginFile(path);
  std::string line;
  while (std::getline(in, line)) chain.Line(line, !in.eof());
  if (in.bad() || !in.eof())
    return absl::InvalidArgumentError("cannot read the file");
  return absl::OkStatus();
}

void Print(const AuditChain::Break& place, std::ostream& out) {
  out << place.file << ":" << place.line << ": " << place.what << "\n";
}

int Tell(const AuditChain::Report& report, std::ostream& out) {
  for (const AuditChain::Break& half : report.half_lines) {
    out << "note: ";
    Print(half, out);
  }
  if (report.missing > 0)
    out << "note: " << report.missing
        << " line(s) could not be written, as the log itself tells\n";
  if (report.first_seq > 1)
    out << "note: the first line here is number " << report.first_seq
        << "; the files before it were not given\n";
  if (report.broken.has_value()) {
    out << "broken: ";
    Print(*report.broken, out);
    out << report.lines << " line(s) before it are good\n";
    return kExitVerdict;
  }
  out << "good: " << report.lines << " line(s), numbers " << report.first_seq
      << " to " << report.head.seq << ", head " << report.head.mac << "\n";
  return 0;
}

}  // namespace

int AuditCommand(const std::vector<std::string>& arguments, std::ostream& out,
                 std::ostream& err) {
  absl::StatusOr<Request> request = ReadArguments(arguments);
  if (!request.ok()) {
    err << "audit: " << request.status().message() << "; see wxidentd --help\n";
    return kExitUsage;
  }
  absl::StatusOr<Secret> key = ReadKey(request->key_file);
  if (!key.ok()) {
    err << "audit: " << request->key_file << ": " << key.status().message()
        << "\n";
    return kExitConfig;
  }
  AuditChain chain(*key, request->head);
  for (const std::string& file : request->files) {
    if (absl::Status read = ReadLines(file, chain); !read.ok()) {
      err << "audit: " << file << ": " << read.message() << "\n";
      return kExitConfig;
    }
  }
  return Tell(chain.Finish(), out);
}

}  // namespace wxident
