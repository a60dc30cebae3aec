#ifndef WXIDENT_SERVER_CLI_PROCESS_HARDENING_H_
#define WXIDENT_SERVER_CLI_PROCESS_HARDENING_H_

namespace wxident {

// Makes this process keep what it holds to itself, and gives it the limits that
// a listener needs. To be called first in main, before there are threads or
// secrets. What the system does not grant is left as it is.
//
// - A crash leaves no core file, and no process of the same user can attach a
//   debugger or read this one's memory: it would find app secrets, the key ring
//   and tokens there.
// - As many files may be open as the system grants, up to 65,536: a listener
//   that runs out of them refuses callers.
void HardenProcess();

// Lets LeakSanitizer, if this program is built with it, look at the process,
// which it does as a debugger. To be called when nothing is left but to exit.
void AllowLeakCheck();

}  // namespace wxident

#endif  // WXIDENT_SERVER_CLI_PROCESS_HARDENING_H_
