package ew

// Number is an element that arithmetic works on.
type Number interface {
	float32 | float64 | int32 | int64 | uint8 | int8
}

// Op is an arithmetic operator.
type Op int

// The operators of Zip.
const (
	Add Op = iota
	Sub
	Mul
	Div
)

// A Broadcast says how two operands are read: dimensions of the result,
// neighbours with the same behaviour merged, and each operand's stride in
// each, 0 where it is repeated.
type Broadcast struct {
	Dims []int
	A, B []int
	at   []int // the running index, kept so that Zip need not allocate
}

// NewBroadcast plans an operation on operands of shapes a and b (NumPy's
// rules; ONNX, Broadcasting.md), whose result has shape out.
func NewBroadcast(out, a, b []int) *Broadcast {
	r := &Broadcast{}
	sa, sb := strides(out, a), strides(out, b)
	for i, d := range out {
		if d == 1 {
			continue
		}
		if k := len(r.Dims) - 1; k >= 0 && r.A[k] == sa[i]*d && r.B[k] == sb[i]*d {
			r.Dims[k], r.A[k], r.B[k] = r.Dims[k]*d, sa[i], sb[i]
			continue
		}
		r.Dims, r.A, r.B = append(r.Dims, d), append(r.A, sa[i]), append(r.B, sb[i])
	}
	if len(r.Dims) == 0 {
		r.Dims, r.A, r.B = []int{1}, []int{0}, []int{0}
	}
	r.at = make([]int, len(r.Dims))
	return r
}

// strides returns the stride of shape in each dimension of out.
func strides(out, shape []int) []int {
	s := make([]int, len(out))
	step := 1
	for i, j := len(shape)-1, len(out)-1; i >= 0; i, j = i-1, j-1 {
		if shape[i] != 1 {
			s[j] = step
		}
		step *= shape[i]
	}
	return s
}

// Zip computes y = a op b as r plans it. Integer division truncates and by
// zero gives 0. It does not allocate; r must not be shared by threads.
func Zip[T Number](r *Broadcast, op Op, y, a, b []T) {
	f := row[T]
	if v, ok := any(&f).(*func(op Op, y, a, b []float32, sa, sb int)); ok {
		*v = chosen.zip
	}
	last := len(r.Dims) - 1
	n, sa, sb := r.Dims[last], r.A[last], r.B[last]
	clear(r.at)
	ia, ib := 0, 0
	for len(y) >= n && n > 0 {
		f(op, y[:n], a[ia:], b[ib:], sa, sb)
		y = y[n:]
		k := last - 1
		for ; k >= 0; k-- {
			r.at[k]++
			ia += r.A[k]
			ib += r.B[k]
			if r.at[k] < r.Dims[k] {
				break
			}
			ia -= r.A[k] * r.Dims[k]
			ib -= r.B[k] * r.Dims[k]
			r.at[k] = 0
		}
		if k < 0 {
			return
		}
	}
}

// row computes y[i] = a[i·sa] op b[i·sb], sa and sb each 0 or 1.
func row[T Number](op Op, y, a, b []T, sa, sb int) {
	switch op {
	case Add:
		for i := range y {
			y[i] = a[i*sa] + b[i*sb]
		}
	case Sub:
		for i := range y {
			y[i] = a[i*sa] - b[i*sb]
		}
	case Mul:
		for i := range y {
			y[i] = a[i*sa] * b[i*sb]
		}
	case Div:
		var zero T
		float := T(1)/T(2) != zero
		for i := range y {
			if d := b[i*sb]; float || d != zero {
				y[i] = a[i*sa] / d
			} else {
				y[i] = zero
			}
		}
	}
}
