#ifndef WXIDENT_SERVER_POLICY_POLICY_H_
#define WXIDENT_SERVER_POLICY_POLICY_H_

#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace wxident {

// Which calling service may call which method for which app, and how often.
// Nothing is allowed that no row allows. Immutable and thread-safe.
struct Policy {
  // A caller's id, the one URI in its certificate ("spiffe://corp/orders"), or
  // a pattern for several: an id that ends in "/*" stands for every id that
  // begins with what is before the '*' and goes on.
  using CallerPattern = std::string;

  struct Row {
    CallerPattern caller;
    // Names without their service ("Login"). The parser has replaced "*" by
    // every method of IdentityService; AdminService's are named one by one.
    std::set<std::string> methods;
    // Empty: every app, also one that the configuration gets later.
    std::set<std::string> apps;
  };

  // Of each single caller that it is for. The first row that fits holds, and
  // DefaultLimit where none does.
  struct Limit {
    // As in Row; or "*", which stands for everybody.
    CallerPattern caller;
    // Calls a second; 0: no limit.
    double rate = 0;
    // How many calls may come at once after a rest; at least 1 with a rate.
    double burst = 0;
    // Calls that run at one moment, streams not among them; 0: no limit.
    int concurrency = 0;
    // Streams that run at one moment. There is always a limit: each of them
    // has a line in the audit log when a token changes.
    int streams = kStreams;

    static constexpr int kStreams = 2'000;

    bool Fits(absl::string_view id) const {
      return caller == "*" || Policy::Fits(caller, id);
    }
  };

  std::vector<Row> allow;
  std::vector<Limit> limits;

  // More than one service asks of one replica, and less than would keep it from
  // serving others: fewer calls than may wait for the database.
  static const Limit& DefaultLimit();

  static bool Fits(absl::string_view pattern, absl::string_view caller);
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_POLICY_POLICY_H_
