package ops

// Work is what one operation does in a run.
type Work struct {
	Kind, Layer string
	MACs        int64 // multiply-adds of its definition; a kernel that is clever makes fewer
}

// The groups of operations by what a step spends its time on.
const (
	Forward        = "forward" // of convolutions and dense layers, as the two that follow
	DataGradient   = "data gradient"
	WeightGradient = "weight gradient"
	BothGradients  = "both gradients" // of convolutions, where one pass makes them
	Normalisation  = "normalisation"  // and additions, gates, all that goes over a map value by value
	Pooling        = "pooling"
	Other          = "other"
)

// Groups are the groups in the order in which they are shown.
var Groups = []string{Forward, DataGradient, WeightGradient, BothGradients, Normalisation, Pooling, Other}

var groups = map[string]string{
	"conv": Forward, "dense": Forward,
	"conv grad data": DataGradient, "dense grad data": DataGradient,
	"conv grad weights": WeightGradient, "dense grad weights": WeightGradient, "fetch": WeightGradient, "conv grads": BothGradients,
	"norm": Normalisation, "norm grad": Normalisation, "past": Normalisation,
	"through": Normalisation, "map": Normalisation, "map grad": Normalisation, "join": Normalisation,
	"add relu": Normalisation, "add relu grad": Normalisation, "blend": Normalisation, "blend grad": Normalisation,
	"excite": Normalisation, "excite grad": Normalisation, "excite grad gate": Normalisation,
	"max pool": Pooling, "max pool grad": Pooling, "average pool": Pooling, "average pool grad": Pooling,
	"subsample": Pooling, "subsample grad": Pooling,
}

// Group is the group of an operation.
func (w Work) Group() string {
	if g, ok := groups[w.Kind]; ok {
		return g
	}
	return Other
}
