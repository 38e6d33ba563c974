# tuning.sh: what the commands of tuning.txt and tune.txt share.
model=fx/digits/model
picture=fx/digits/images/b_16x16_rgb.png
# tuning ROWS: a tuning file for the generic level
tuning() {
    printf '{"schema": "vitc.tuning/1", "target": "generic", "rows": [%s]}\n' "$1"
}
# bad ROWS: what is said about them
bad() {
    tuning "$1" > bad.json
    vitc compile $model -t generic --tuning bad.json -o x.o
}
