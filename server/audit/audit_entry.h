#ifndef WXIDENT_SERVER_AUDIT_AUDIT_ENTRY_H_
#define WXIDENT_SERVER_AUDIT_AUDIT_ENTRY_H_

#include <cstdint>
#include <string>

namespace wxident {

// What one line of the audit log says.
struct AuditEntry {
  std::string caller;
  std::string method;
  // Empty where the call names none.
  std::string app_id;
  // Whom the call is about: an openid or a user_id; empty: nobody. The log
  // holds its keyed hash alone.
  std::string subject;
  // "OK", or the error's reason.
  std::string reason;
  // The key of the ring that seals at that moment, and so what the call
  // stored; 0: the call did nothing.
  uint32_t key_id = 0;
  std::string request_id;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_AUDIT_AUDIT_ENTRY_H_
