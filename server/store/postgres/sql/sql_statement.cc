#include "server/store/postgres/sql/sql_statement.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

// How long the name is that `text` begins with; 0 for none.
size_t NameSize(absl::string_view text) {
  if (text.empty() || !absl::ascii_islower(text.front())) return 0;
  const auto is_of_name = [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
  };
  return static_cast<size_t>(
      std::find_if_not(text.begin(), text.end(), is_of_name) - text.begin());
}

}  // namespace

SqlStatement::SqlStatement(absl::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t end = at + 1;
    if (text[at] == '\'' || text[at] == '"') {
      // A quote that is doubled within ends one and begins the next.
      end = text.find(text[at], end);
      end = end == text.npos ? text.size() : end + 1;
    } else if (text.substr(at, 2) == "::") {
      ++end;
    } else if (const size_t size = NameSize(text.substr(end));
               text[at] == ':' && size > 0) {
      absl::StrAppend(&sql_, "$", NumberOf(text.substr(end, size)));
      at = end + size;
      continue;
    }
    absl::StrAppend(&sql_, text.substr(at, end - at));
    at = end;
  }
}

size_t SqlStatement::NumberOf(absl::string_view name) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found != names_.end())
    return static_cast<size_t>(found - names_.begin()) + 1;
  names_.emplace_back(name);
  return names_.size();
}

absl::StatusOr<std::vector<std::string>> SqlStatement::Bind(
    std::vector<SqlArgument> arguments) const {
  std::vector<std::string> values;
  values.reserve(names_.size());
  for (const std::string& name : names_) {
    const auto found =
        std::find_if(arguments.begin(), arguments.end(),
                     [&](const SqlArgument& a) { return a.name == name; });
    if (found == arguments.end())
      return absl::InternalError(
          absl::StrCat("the statement's parameter ", name, " has no value"));
    values.push_back(std::move(found->text));
    // It is taken.
    found->name = "";
  }
  for (const SqlArgument& argument : arguments)
    if (!argument.name.empty())
      return absl::InternalError(absl::StrCat("the statement has no parameter ",
                                              argument.name, " left"));
  return values;
}

}  // namespace wxident
