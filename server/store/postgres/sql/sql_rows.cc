#include "server/store/postgres/sql/sql_rows.h"

#include <cstdio>
#include <cstdlib>

namespace wxident {

const SqlValue& SqlRow::operator[](absl::string_view name) const {
  for (size_t i = 0; names_ != nullptr && i < names_->size(); ++i)
    if ((*names_)[i] == name) return values_[i];
  // Only a statement that no test has ever run comes here.
  std::fprintf(stderr, "a statement of this program has no column %.*s\n",
               static_cast<int>(name.size()), name.data());
  std::abort();
}

}  // namespace wxident
