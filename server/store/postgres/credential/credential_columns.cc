#include "server/store/postgres/credential/credential_columns.h"

#include <algorithm>
#include <utility>

#include "server/store/postgres/sql/sql_values.h"

namespace wxident {

CredentialState CredentialAt(const SqlRow& row, size_t first,
                             const CredentialKey& key, Aead& aead) {
  const auto column = [&](size_t i) -> const SqlValue& {
    return row[first + i];
  };
  const absl::Time now = TimeOf(column(0));
  CredentialState state;
  state.day_left = TimeOf(column(1)) - now;
  state.generation = NumberOf(column(2));
  if (column(3).has_value())
    state.value = OpenSealed(aead, column(3), AssociatedDataOf(key));
  if (state.generation > 0) {
    state.fetched_at = TimeOf(column(4));
    state.expires_at = TimeOf(column(5));
    state.refresh_at = TimeOf(column(6));
    state.life = state.expires_at - now;
    state.until_refresh = state.refresh_at - now;
  }
  if (column(7).has_value()) {
    const absl::Duration left = TimeOf(column(7)) - now;
    state.lease_left = std::max(left, absl::ZeroDuration());
    state.abandoned = left <= absl::ZeroDuration();
  }
  state.failures = static_cast<int>(NumberOf(column(8)));
  if (column(9).has_value())
    state.pause_left = std::max(TimeOf(column(9)) - now, absl::ZeroDuration());
  state.failure_reason = TextOf(column(10));
  state.failure_errcode = TextOf(column(11));
  state.fetches_today = static_cast<int>(NumberOf(column(12)));
  state.forced_today = static_cast<int>(NumberOf(column(13)));
  if (column(14).has_value()) state.since_forced = now - TimeOf(column(14));
  return state;
}

AssociatedData AssociatedDataOf(const CredentialKey& key) {
  return {"app_credentials", "value", {key.app_id, NameOf(key.kind)}};
}

}  // namespace wxident
