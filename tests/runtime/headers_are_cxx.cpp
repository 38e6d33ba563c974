// headers_are_cxx.cpp: both headers of the runtime compile as C++, and its functions have C names.
#include "vitc.h"
#include "vitc_object.h"

int main() {
    vitc_pool *p = vitc_pool_create(1);
    bool ok = p && vitc_cpu_check(0) == VITC_OK && vitc_status_str(VITC_OK);
    vitc_pool_destroy(p);
    return ok ? 0 : 1;
}
