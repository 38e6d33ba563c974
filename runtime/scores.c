/* scores.c: from logits to what a person reads. */
#include "vitc.h"
#include <math.h>

static int before(const float *v, size_t a, size_t b) { /* NaN last, ties by index */
    int na = v[a] != v[a], nb = v[b] != v[b];
    if (na != nb) return nb;
    if (!na && v[a] != v[b]) return v[a] > v[b];
    return a < b;
}
void vitc_topk(const float *v, size_t n, size_t k, size_t *index) {
    size_t have = 0;
    for (size_t i = 0; i < n; i++) { /* insertion into the k best so far */
        size_t at = have < k ? have++ : k;
        if (at == k && (k == 0 || !before(v, i, index[k - 1]))) continue;
        if (at == k) at = k - 1;
        for (; at > 0 && before(v, i, index[at - 1]); at--) index[at] = index[at - 1];
        index[at] = i;
    }
}
void vitc_softmax(const float *v, float *out, size_t n) {
    float top = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < n; i++) top = v[i] > top ? v[i] : top;
    for (size_t i = 0; i < n; i++) sum += exp((double)v[i] - (double)top);
    for (size_t i = 0; i < n; i++) out[i] = (float)(exp((double)v[i] - (double)top) / sum);
}
void vitc_sigmoid(const float *v, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = (float)(1 / (1 + exp(-(double)v[i])));
}
