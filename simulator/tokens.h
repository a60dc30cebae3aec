#ifndef WXIDENT_SIMULATOR_TOKENS_H_
#define WXIDENT_SIMULATOR_TOKENS_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "simulator/maker.h"
#include "simulator/settings.h"

namespace wxident::simulator {

// The access_tokens and tickets of all apps: ordinary tokens, whose every issue
// dooms the one before, and stable tokens, apart from them. Not thread-safe.
class Tokens {
 public:
  // `maker` and `settings` must outlive this.
  Tokens(const Maker& maker, const Settings& settings)
      : maker_(maker), settings_(settings) {}

  struct Issued {
    // Not 0: refused, and nothing changed.
    int errcode = 0;
    std::string value;
    absl::Duration expires_in;
    // Made by this call; false: it was there before.
    bool is_new = false;
  };

  Issued IssueOrdinary(const std::string& app_id, absl::Time now);
  Issued IssueStable(const std::string& app_id, bool force, absl::Time now);
  // `type`: "jsapi" or "wx_card".
  Issued IssueTicket(const std::string& app_id, const std::string& type,
                     absl::Time now);

  enum class State { kUnknown, kValid, kReplaced, kExpired };

  // `app_id` gets the token's owner unless the token is unknown.
  State Check(const std::string& token, absl::Time now,
              std::string* app_id) const;

  // What the app has, without any secret.
  struct LineStatus {
    uint64_t issued = 0;
    // Of the newest.
    absl::Time expires_at = absl::InfinitePast();
    // DigestOf the newest; empty: none was issued.
    std::string newest;
    // Of those that work now, oldest first.
    std::vector<std::string> accepted;
  };
  struct Status {
    LineStatus ordinary;
    LineStatus stable;
    int64_t forced_today = 0;
    LineStatus jsapi_ticket;
  };
  Status StatusOf(const std::string& app_id, absl::Time now) const;

  // Every token, or ticket, ever issued.
  std::vector<std::string> AllTokens() const;
  std::vector<std::string> AllTickets() const;

 private:
  struct Token {
    std::string app_id;
    absl::Time valid_until;
    // Cut short by a newer one; else it died of age.
    bool replaced = false;
  };
  // A line of tokens of which the newest is the current one.
  struct Line {
    std::string current;
    // Older ones that may still work, oldest first.
    std::deque<std::string> previous;
    absl::Time expires_at = absl::InfinitePast();
    uint64_t issued = 0;
  };
  struct AppTokens {
    Line ordinary;
    Line stable;
    int64_t forced_day = 0;
    int64_t forced = 0;
    absl::Time last_force_at = absl::InfinitePast();
  };
  struct Ticket {
    std::string value;
    absl::Time expires_at = absl::InfinitePast();
    uint64_t issued = 0;
    // How many tokens the app had had when this was issued.
    uint64_t tokens = 0;
  };

  // Makes the line's next token current; the one before it works until
  // `previous_until`.
  void Next(const std::string& app_id, absl::string_view kind, Line& line,
            absl::Time now, absl::Time expires_at, absl::Time previous_until);
  bool Works(const std::string& token, absl::Time now) const;
  LineStatus StatusOf(const Line& line, absl::Time now) const;
  void Remember(const std::string& token, Token state);

  const Maker& maker_;
  const Settings& settings_;
  std::map<std::string, AppTokens> by_app_;
  std::map<std::pair<std::string, std::string>, Ticket> tickets_;
  std::unordered_map<std::string, Token> known_;
  std::deque<std::string> oldest_first_;
};

// Names a token or ticket without telling it: the first 16 hexadecimal digits
// of its SHA-256.
std::string DigestOf(absl::string_view value);

// Days change at midnight in China, whatever the machine's time zone.
int64_t ChinaDay(absl::Time now);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_TOKENS_H_
