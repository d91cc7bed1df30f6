/* notify.h - telling systemd how we are (sd_notify(3)): a datagram, nothing more. */
#pragma once

/* state: "READY=1", "STOPPING=1", ...; silently nothing without a supervisor. */
void notify_supervisor(const char *state);
