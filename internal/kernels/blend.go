package kernels

// Blend is how a shortcut s and a branch v are joined: y = p s + q v with p = A and q = B; or, with a gate that z opens,
// g = 1/(1+exp(-z)), p = 1-g and q = g if Exclusive, else q = 1.
type Blend struct {
	A, B            float64
	Gate, Exclusive bool
}

// BranchIsWhole says whether q is 1.
func (b Blend) BranchIsWhole() bool { return b.Gate && !b.Exclusive || !b.Gate && b.B == 1 }

// BlendPart is one of what a Blend joins.
type BlendPart int

// The shortcut s, the branch v, and z, which opens the gate.
const (
	OfShortcut BlendPart = iota
	OfBranch
	OfGate
)

func checkBlend[T Float](how Blend, channels int, s []T, in Read[T], z []T, out Write[T]) {
	n := len(in.X)
	whole(n, channels)
	optional("s", s, n)
	in.check(n, channels)
	checkGate(how, z, n)
	out.check(n, channels)
}

func checkBlendGrad[T Float](how Blend, of BlendPart, channels int, s []T, in Read[T], z []T, g ReadGrad[T], dx []T) {
	n := len(dx)
	whole(n, channels)
	if of == OfGate {
		if !how.Gate {
			panic("kernels: a gradient of the gate that a blend does not have")
		}
		need("s", s, n)
		in.check(n, channels)
	}
	checkGate(how, z, n)
	g.check(n, channels)
}

func checkGate[T Float](how Blend, z []T, n int) {
	if how.Exclusive && !how.Gate {
		panic("kernels: a blend that is exclusive without a gate")
	}
	if how.Gate {
		need("z", z, n)
	}
}
