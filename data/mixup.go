package data

import (
	"math"
	"math/rand/v2"
)

func init() {
	Augments.Add("mixup", "mixes every example of a batch with another one, labels too; the last in the list", &Mixup{Alpha: 0.2})
}

// Mixup is that of Zhang et al. 2018 ("mixup: Beyond empirical risk minimization"), as its authors' program has it: each batch
// is mixed with a permutation of itself,
//
//	x[i] = share*x[i] + (1-share)*x[p(i)],  share from Beta(alpha, alpha)
//
// and the loss is share*CE(label[i]) + (1-share)*CE(label[p(i)]). As mixing by p with 1-share gives the same examples as by p's
// inverse with share, share is taken as the larger of both: so the label of an example itself always weighs at least half, and
// train_acc counts that one.
type Mixup struct {
	Alpha float64 `yaml:"alpha" doc:"how much is mixed: near 0 hardly, 1 in any share" check:"gt=0,max=1000"`
}

var _ mixer = (*Mixup)(nil)

// Apply leaves a single example as it is.
func (*Mixup) Apply(dst, src []float32, _, _, _ int, _ *rand.Rand) { copy(dst, src) }

// Mix draws the share, then the permutation.
func (a *Mixup) Mix(b *Batch, spare []float32, r *rand.Rand) {
	share := beta(a.Alpha, r)
	share = max(share, 1-share)
	b.Share = share
	partner := b.Others // first the places of the partners, then their labels
	for i := range partner {
		partner[i] = int32(i)
	}
	r.Shuffle(len(partner), func(i, j int) { partner[i], partner[j] = partner[j], partner[i] })
	size := len(spare)
	at := func(i int32) []float32 { return b.X[int(i)*size:][:size] }
	for first := range partner {
		if partner[first] < 0 { // mixed already
			continue
		}
		// along a cycle, each partner is still as it was, but the first, which is kept
		copy(spare, at(int32(first)))
		for i := int32(first); ; {
			p := partner[i]
			partner[i] = -1 - p
			if p == int32(first) {
				blend(at(i), spare, float32(share), float32(1-share))
				break
			}
			blend(at(i), at(p), float32(share), float32(1-share))
			i = p
		}
	}
	for i, p := range partner {
		b.Others[i] = b.Labels[-1-p]
	}
}

// blend is x = a*x + b*y.
func blend(x, y []float32, a, b float32) {
	y = y[:len(x)]
	for i := range x {
		x[i] = float32(a*x[i]) + float32(b*y[i]) // the conversions keep compilers from fusing: the same bits everywhere
	}
}

// beta draws from Beta(alpha, alpha): x/(x+y) of two gamma numbers, from their logarithms, since for a small alpha both may be too
// small for a float64.
func beta(alpha float64, r *rand.Rand) float64 {
	x, y := logGamma(alpha, r), logGamma(alpha, r)
	return 1 / (1 + math.Exp(y-x))
}

// logGamma draws the logarithm of a number from Gamma(alpha, 1) by the method of Marsaglia and Tsang 2000 ("A simple method for
// generating gamma variables"); below 1 by way of alpha+1, as they say in section 6.
func logGamma(alpha float64, r *rand.Rand) float64 {
	boost := 0.0
	if alpha < 1 {
		boost = math.Log(1-r.Float64()) / alpha
		alpha++
	}
	d := alpha - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		logV := 3 * math.Log(v)
		if math.Log(1-r.Float64()) < 0.5*x*x+d-d*math.Exp(logV)+d*logV {
			return math.Log(d) + logV + boost
		}
	}
}
