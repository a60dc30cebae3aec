#ifndef WXIDENT_SERVER_STORE_POSTGRES_SQL_SQL_VALUES_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SQL_SQL_VALUES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/crypto/aead.h"
#include "server/crypto/secret.h"
#include "server/store/postgres/sql/sql_rows.h"

namespace wxident {

// Our statements pass times as microseconds since 1970 and bytes as hex, so
// that no setting of the server changes their form.

// NULL, or what is no number, is 0: our statements give neither.
int64_t NumberOf(const SqlValue& value);
absl::Time TimeOf(const SqlValue& value);
// NULL is "".
std::string TextOf(const SqlValue& value);
bool IsTrue(const SqlValue& value);
// From encode(column, 'hex').
std::string BytesOf(const SqlValue& value);

// Rounds up to a microsecond, so that nothing ends before it was said to.
int64_t ToMicros(absl::Time time);
int64_t ToMicros(absl::Duration duration);

// Opens a sealed value. Errors: KEY_UNAVAILABLE with the key_id, TAMPERED.
absl::StatusOr<Secret> OpenSealed(Aead& aead, const SqlValue& hex,
                                  const AssociatedData& data);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SQL_SQL_VALUES_H_
