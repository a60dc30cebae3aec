#ifndef WXIDENT_SIMULATOR_WORLD_H_
#define WXIDENT_SIMULATOR_WORLD_H_

#include <cstdint>

#include "server/base/clock.h"
#include "simulator/apps.h"
#include "simulator/codes.h"
#include "simulator/grants.h"
#include "simulator/maker.h"
#include "simulator/quotas.h"
#include "simulator/rids.h"
#include "simulator/settings.h"
#include "simulator/sim_clock.h"
#include "simulator/tokens.h"
#include "simulator/users.h"

namespace wxident::simulator {

// All that the simulated WeChat knows. The members hold references to each
// other, so it stays where it is made. Not thread-safe.
struct World {
  // `base_clock` must outlive this.
  World(uint64_t seed, Clock& base_clock, Settings first_settings,
        Apps first_apps)
      : clock(base_clock),
        settings(std::move(first_settings)),
        maker(seed),
        apps(std::move(first_apps)),
        users(maker, settings),
        tokens(maker, settings),
        grants(maker, settings),
        quotas(settings) {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  SimClock clock;
  Settings settings;
  const Maker maker;
  Apps apps;
  Users users;
  Codes codes;
  Tokens tokens;
  Grants grants;
  Quotas quotas;
  Rids rids;
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_WORLD_H_
