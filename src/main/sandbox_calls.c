/* sandbox_calls.c - system calls that a gateway has no use for fail with EPERM.
 *
 * A list of what is denied, not of what is allowed: libraries change what they call, and
 * a gateway that dies of it serves nobody.  Calls without a rule cost nothing, the kernel
 * remembers that they are allowed (5.11). */
#include "base/compiler.h"
#include "main/sandbox.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a library does not know for this machine is negative, and then left out. */
static const int denied[] = {
	/* other programs, other processes */
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	SCMP_SYS(personality),
	/* another view of the machine */
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(chroot),
	SCMP_SYS(pivot_root),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(open_tree),
	SCMP_SYS(move_mount),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount),
	SCMP_SYS(fspick),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(name_to_handle_at),
	SCMP_SYS(quotactl),
	SCMP_SYS(acct),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	/* the kernel and its clock */
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(reboot),
	SCMP_SYS(syslog),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(modify_ldt),
	SCMP_SYS(lookup_dcookie),
	SCMP_SYS(vhangup),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(migrate_pages),
	SCMP_SYS(move_pages),
	/* the kernel's keys */
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	/* another user */
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setreuid),
	SCMP_SYS(setregid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setgroups),
	SCMP_SYS(capset),
};

enum { FAMILIES_MOST = AF_INET6 };

static bool deny(scmp_filter_ctx ctx, int call, unsigned count,
                 const struct scmp_arg_cmp *args)
{
	int error = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EPERM), call, count, args);

	/* -EDOM: this machine does not have the call. */
	return error == 0 || error == -EDOM || call < 0;
}

/* Threads may be made, processes not.  The flags of clone3 are out of a filter's sight:
 * without it libraries take clone. */
static bool deny_processes(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp process = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0);

	return deny(ctx, SCMP_SYS(clone), 1, &process) &&
	       seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

/* Unix, IPv4 and IPv6 alone: no raw packets, no netlink, nothing exotic. */
static bool deny_sockets(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp beyond = SCMP_A0(SCMP_CMP_GT, FAMILIES_MOST, 0);
	bool is_done = deny(ctx, SCMP_SYS(socket), 1, &beyond);

	for (int family = AF_UNSPEC; family < FAMILIES_MOST && is_done; family++) {
		const struct scmp_arg_cmp one =
		        SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family, 0);

		if (family != AF_UNIX && family != AF_INET)
			is_done = deny(ctx, SCMP_SYS(socket), 1, &one);
	}
	return is_done;
}

/* No memory that can be both written and run, and nothing typed into a terminal. */
static bool deny_tricks(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp both = SCMP_A2(
	        SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC);
	const struct scmp_arg_cmp typed =
	        SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI);

	return deny(ctx, SCMP_SYS(mmap), 1, &both) &&
	       deny(ctx, SCMP_SYS(mprotect), 1, &both) &&
	       deny(ctx, SCMP_SYS(pkey_mprotect), 1, &both) &&
	       deny(ctx, SCMP_SYS(ioctl), 1, &typed);
}

static bool deny_all(scmp_filter_ctx ctx)
{
	bool is_done = true;

	for (size_t i = 0; i < countof(denied) && is_done; i++)
		is_done = deny(ctx, denied[i], 0, NULL);
	return is_done && deny_processes(ctx) && deny_sockets(ctx) && deny_tricks(ctx);
}

/* A kernel that has the call answers this to anybody. */
static bool is_forbidden(void)
{
	uint32_t action = SECCOMP_RET_ALLOW;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0 &&
	       errno == EPERM;
}

bool sandbox_deny_calls(bool *ret_forbidden)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	bool is_done;

	*ret_forbidden = false;
	if (!ctx)
		return false;
	/* For all threads; a search instead of a list; and without the slower branches
	 * that old kernels would add, for we run no code of others. */
	is_done = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) == 0;
	(void)!seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	(void)!seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
	is_done = is_done && deny_all(ctx) && seccomp_load(ctx) == 0;
	seccomp_release(ctx);
	*ret_forbidden = !is_done && is_forbidden();
	return is_done;
}
