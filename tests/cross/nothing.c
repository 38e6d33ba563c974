// nothing.c: the least program: whether a compiler can link for a machine at all.
int main(void) {
    return 0;
}
