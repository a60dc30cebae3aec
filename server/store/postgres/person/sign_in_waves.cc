#include "server/store/postgres/person/sign_in_waves.h"

#include <algorithm>
#include <cstddef>

namespace wxident {

IdentityKey KeyOf(const SignInItem& item) {
  return {item.in.identity.app_id, item.in.identity.openid};
}

bool SignInWave::Take(SignInItem* item) {
  const SignIn& in = item->in;
  const auto representative = representatives.find(KeyOf(*item));
  if (representative != representatives.end()) {
    const SignIn& said = representative->second->in;
    if (said.grant.has_value() || in.grant.has_value() ||
        !(said.session_key == in.session_key) ||
        said.open_platform_account != in.open_platform_account ||
        said.identity.unionid != in.identity.unionid)
      return false;
  }
  if (token_hashes.count(in.session_token_hash) > 0 ||
      code_hashes.count(in.code_hash) > 0)
    return false;
  token_hashes.insert(in.session_token_hash);
  code_hashes.insert(in.code_hash);
  logins.push_back(item);
  if (representative == representatives.end())
    representatives.emplace(KeyOf(*item), item);
  else
    representative->second = item;
  return true;
}

std::vector<SignInWave> MakeSignInWaves(SignInItems items) {
  std::stable_sort(items.begin(), items.end(),
                   [](const SignInItem* a, const SignInItem* b) {
                     return a->in.exchanged_at < b->in.exchanged_at;
                   });
  std::vector<SignInWave> waves;
  // Logins of one identity must not overtake each other.
  std::map<IdentityKey, size_t> first_wave;
  for (SignInItem* item : items) {
    size_t& at = first_wave[KeyOf(*item)];
    while (at < waves.size() && !waves[at].Take(item)) ++at;
    if (at == waves.size()) waves.emplace_back().Take(item);
  }
  return waves;
}

}  // namespace wxident
