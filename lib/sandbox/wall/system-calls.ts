/**
 * A filter of system calls, in the kernel's classic BPF, for what namespaces do not hold: forks (memory is limited by
 * process), memory that no limit counts, sockets that ignore network namespaces (AF_VSOCK), and the parts of the kernel
 * that holes are found in. It names what is refused: V8 and the C library may use whatever else they come to need.
 */

/** Numbers on x64 and arm64; those from 424 on are the same everywhere. */
const REFUSED: ReadonlyArray<readonly [x64: number | undefined, arm64: number | undefined]> = [
  [41, 198], [42, 203], [49, 200], [50, 201], // socket, connect, bind, listen
  [272, 97], [308, 268], // unshare, setns
  [165, 40], [166, 39], [155, 41], [161, 51], // mount, umount2, pivot_root, chroot
  [428, 428], [429, 429], [430, 430], [431, 431], [432, 432], [433, 433], [442, 442], // open_tree … fspick, mount_setattr
  [303, 264], [304, 265], // name_to_handle_at, open_by_handle_at
  [101, 117], [310, 270], [311, 271], [312, 272], [438, 438], // ptrace, process_vm_readv, …writev, kcmp, pidfd_getfd
  [29, 194], [68, 186], [64, 190], [240, 180], // shmget, msgget, semget, mq_open
  [319, 279], [447, 447], // memfd_create, memfd_secret
  [275, 76], [276, 77], [278, 75], // splice, tee, vmsplice
  [248, 217], [249, 218], [250, 219], // add_key, request_key, keyctl
  [321, 280], [298, 241], [323, 282], [300, 262], // bpf, perf_event_open, userfaultfd, fanotify_init
  [175, 105], [313, 273], [176, 106], [246, 104], [320, 294], // modules and kexec
  [163, 89], [167, 224], [168, 225], [169, 142], [103, 116], [179, 60], [443, 443], // acct, swapon, swapoff, reboot, syslog, quotactl
  [160, 164], // setrlimit
  [154, undefined], [172, undefined], [173, undefined] // modify_ldt, iopl, ioperm
]

/** What starts a process: refused to cells, which start none. `socketpair` is among them, as Node's pipes to a child are such. */
const SPAWNING: typeof REFUSED = [[57, undefined], [58, undefined], [53, 199]]

/** Said not to exist, so that their callers do without: clone3, whose flags a filter cannot see, and io_uring. */
const ABSENT = [435, 425, 426, 427]

/** The newest call that this list has judged (mseal); it also leaves out x32, whose numbers have a high bit set. */
const NEWEST = 462

const machines = {
  x64: { column: 0, architecture: 0xc000003e, clone: 56, prctl: 157, prlimit: 302, mmap: 9 },
  arm64: { column: 1, architecture: 0xc00000b7, clone: 220, prctl: 167, prlimit: 261, mmap: 222 }
} as const

// linux/filter.h, linux/bpf_common.h
const LOAD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_GREATER = 0x25
const JUMP_SET = 0x45
const AND = 0x54
const RETURN = 0x06

// linux/seccomp.h
const KILL_PROCESS = 0x80000000
const ALLOW = 0x7fff0000
const REFUSE = 0x00050001 // EPERM
const ABSENCE = 0x00050026 // ENOSYS
const NUMBER = 0
const ARCHITECTURE = 4
const argument = (index: number): number => 16 + 8 * index

// linux/sched.h, linux/mman.h, linux/prctl.h
const CLONE_THREAD = 0x00010000
const CLONE_NAMESPACES = 0x7e020000
const MAP_SHARED_ANONYMOUS = 0x21
const PR_SET_PDEATHSIG = 1

type Instruction = readonly [code: number, whenTrue: number, whenFalse: number, value: number]

/** The filter as the kernel takes it; undefined for machines that it is not written for. */
export function systemCallFilter (machine: string, spawns: boolean): Buffer | undefined {
  if (machine !== 'x64' && machine !== 'arm64') return undefined
  const { column, architecture, clone, prctl, prlimit, mmap } = machines[machine]
  const refused = [...REFUSED, ...(spawns ? [] : SPAWNING)].map(row => row[column]).filter(number => number !== undefined)
  return assemble([
    [LOAD, 0, 0, ARCHITECTURE],
    ...unless(JUMP_EQUAL, architecture, KILL_PROCESS),
    [LOAD, 0, 0, NUMBER],
    ...when(JUMP_GREATER, NEWEST, ABSENCE),
    ...ABSENT.flatMap(number => when(JUMP_EQUAL, number, ABSENCE)),
    ...refused.flatMap(number => when(JUMP_EQUAL, number, REFUSE)),
    ...judged(clone, [
      [LOAD, 0, 0, argument(0)],
      ...when(JUMP_SET, CLONE_NAMESPACES, REFUSE),
      ...(spawns ? [] : unless(JUMP_SET, CLONE_THREAD, REFUSE))
    ]),
    // Else a child could outlive the host, whose death it is to be killed by.
    ...judged(prctl, [[LOAD, 0, 0, argument(0)], ...when(JUMP_EQUAL, PR_SET_PDEATHSIG, REFUSE)]),
    // Its limits are the host's to change; asking for them goes by the same call, without new ones.
    ...judged(prlimit, [
      [LOAD, 0, 0, argument(2)],
      ...unless(JUMP_EQUAL, 0, REFUSE),
      [LOAD, 0, 0, argument(2) + 4],
      ...unless(JUMP_EQUAL, 0, REFUSE)
    ]),
    // RLIMIT_DATA counts private memory alone.
    ...judged(mmap, [[LOAD, 0, 0, argument(3)], [AND, 0, 0, MAP_SHARED_ANONYMOUS], ...when(JUMP_EQUAL, MAP_SHARED_ANONYMOUS, REFUSE)]),
    [RETURN, 0, 0, ALLOW]
  ])
}

function when (jump: number, value: number, action: number): Instruction[] {
  return [[jump, 0, 1, value], [RETURN, 0, 0, action]]
}

function unless (jump: number, value: number, action: number): Instruction[] {
  return [[jump, 1, 0, value], [RETURN, 0, 0, action]]
}

/** Judges a call by its arguments, and allows it where `instructions` return nothing. */
function judged (number: number, instructions: readonly Instruction[]): Instruction[] {
  return [[JUMP_EQUAL, 0, instructions.length + 1, number], ...instructions, [RETURN, 0, 0, ALLOW]]
}

function assemble (instructions: readonly Instruction[]): Buffer {
  const program = Buffer.alloc(instructions.length * 8)
  instructions.forEach(([code, whenTrue, whenFalse, value], index) => {
    program.writeUInt16LE(code, index * 8)
    program.writeUInt8(whenTrue, index * 8 + 2)
    program.writeUInt8(whenFalse, index * 8 + 3)
    program.writeUInt32LE(value, index * 8 + 4)
  })
  return program
}
