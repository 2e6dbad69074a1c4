package kernels

import "fmt"

func checkExcite[T Float](n, pixels, channels int, z []T) (size int) {
	if n < 1 || pixels < 1 || channels < 1 {
		panic(fmt.Sprintf("kernels: no such images: %d of %d pixels and %d channels", n, pixels, channels))
	}
	need("z", z, n*channels)
	return n * pixels * channels
}

func checkExciteGrad[T Float](of BlendPart, n, pixels, channels int, in Read[T], z []T, g ReadGrad[T], dx []T) {
	size := checkExcite(n, pixels, channels, z)
	g.check(size, channels)
	switch of {
	case OfBranch:
		need("dx", dx, size)
	case OfGate:
		in.check(size, channels)
		need("dz", dx, n*channels)
	default:
		panic("kernels: a gradient of the shortcut that is not excited")
	}
}
