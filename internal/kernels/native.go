package kernels

// Native is the backend in C. It owns threads-1 helper threads; one call at a time uses them.
type Native struct {
	Reference[float32]
	threads int
}

// NewNative starts a backend that works on so many threads, at least one: the caller's and helpers.
func NewNative(threads int) *Native { return &Native{threads: max(1, threads)} }

// Close stops the helpers.
func (n *Native) Close() {}

// Threads is the number of threads that work on a call.
func (n *Native) Threads() int { return n.threads }

// ISA is the instruction set in use.
func (n *Native) ISA() string { return "generic" }
