#include "server/store/postgres/credential/credential_columns.h"

#include <algorithm>
#include <utility>

#include "server/store/postgres/sql/sql_values.h"

namespace wxident {

CredentialState CredentialAt(const SqlRow& row, const CredentialKey& key,
                             Aead& aead) {
  const absl::Time now = TimeOf(row["now_us"]);
  CredentialState state;
  state.day_left = TimeOf(row["day_ends_us"]) - now;
  state.generation = NumberOf(row["generation"]);
  if (row["value"].has_value())
    state.value = OpenSealed(aead, row["value"], AssociatedDataOf(key));
  if (state.generation > 0) {
    state.fetched_at = TimeOf(row["fetched_us"]);
    state.expires_at = TimeOf(row["expires_us"]);
    state.refresh_at = TimeOf(row["refresh_us"]);
    state.life = state.expires_at - now;
    state.until_refresh = state.refresh_at - now;
  }
  if (row["lease_until_us"].has_value()) {
    const absl::Duration left = TimeOf(row["lease_until_us"]) - now;
    state.lease_left = std::max(left, absl::ZeroDuration());
    state.abandoned = left <= absl::ZeroDuration();
  }
  state.failures = static_cast<int>(NumberOf(row["failures"]));
  if (row["pause_until_us"].has_value())
    state.pause_left =
        std::max(TimeOf(row["pause_until_us"]) - now, absl::ZeroDuration());
  state.failure_reason = TextOf(row["failure_reason"]);
  state.failure_errcode = TextOf(row["failure_errcode"]);
  state.fetches_today = static_cast<int>(NumberOf(row["fetches_today"]));
  state.forced_today = static_cast<int>(NumberOf(row["forced_today"]));
  if (row["forced_us"].has_value())
    state.since_forced = now - TimeOf(row["forced_us"]);
  return state;
}

AssociatedData AssociatedDataOf(const CredentialKey& key) {
  return {"app_credentials", "value", {key.app_id, NameOf(key.kind)}};
}

}  // namespace wxident
