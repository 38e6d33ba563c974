; ModuleID = 'vitc'
source_filename = "vitc"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

@vit_model = constant { i32, i32, ptr, ptr, ptr, ptr, i64, i64, i64, i64, i64, i32, i32, ptr, ptr, i32, i32, ptr, ptr, ptr, ptr, i32, i32, ptr } { i32 160, i32 3, ptr @0, ptr @1, ptr @11, ptr @2, i64 0, i64 64, i64 0, i64 0, i64 15, i32 1, i32 1, ptr @4, ptr @6, i32 0, i32 0, ptr null, ptr null, ptr @run, ptr @10, i32 0, i32 0, ptr null }
@0 = private unnamed_addr constant [6 x i8] c"stdin\00", align 1
@1 = private unnamed_addr constant [11 x i8] c"vitc 0.1.0\00", align 1
@2 = private unnamed_addr constant [1 x i8] zeroinitializer, align 1
@3 = private unnamed_addr constant [2 x i8] c"x\00", align 1
@4 = private constant [1 x { ptr, i32, i32, [8 x i64], i64 }] [{ ptr, i32, i32, [8 x i64], i64 } { ptr @3, i32 2, i32 1, [8 x i64] [i64 9, i64 1, i64 1, i64 1, i64 1, i64 1, i64 1, i64 1], i64 9 }]
@5 = private unnamed_addr constant [2 x i8] c"y\00", align 1
@6 = private constant [1 x { ptr, i32, i32, [8 x i64], i64 }] [{ ptr, i32, i32, [8 x i64], i64 } { ptr @5, i32 10, i32 1, [8 x i64] [i64 9, i64 1, i64 1, i64 1, i64 1, i64 1, i64 1, i64 1], i64 18 }]
@vit_weights = external hidden global i8
@weights_anchor = internal externally_initialized constant i64 sub (i64 ptrtoint (ptr @vit_weights to i64), i64 ptrtoint (ptr @weights_anchor to i64))
@7 = private constant [2 x { i32, i32, i64 }] [{ i32, i32, i64 } { i32 3, i32 0, i64 0 }, { i32, i32, i64 } { i32 2, i32 0, i64 0 }]
@8 = private unnamed_addr constant [12 x i8] c"elementwise\00", align 1
@9 = private constant [1 x { ptr, ptr, i32, i32, i64, i64, ptr, i64 }] [{ ptr, ptr, i32, i32, i64, i64, ptr, i64 } { ptr @kernel.elementwise_9_cast_mul_to_f16, ptr @7, i32 2, i32 1, i64 1, i64 0, ptr @8, i64 0 }]
@10 = private constant { i32, i32, ptr, ptr, i64, i64, i32, i32, ptr, ptr } { i32 3, i32 1, ptr @9, ptr @weights_anchor, i64 0, i64 0, i32 64, i32 0, ptr @vit_model, ptr null }
@11 = private unnamed_addr constant [10 x i8] c"x86-64-v3\00", align 1

; Function Attrs: nounwind
define internal void @kernel.elementwise_9_cast_mul_to_f16(ptr %args, ptr %scratch, i64 %lo, i64 %hi) #0 {
entry:
  br label %start

start:                                            ; preds = %entry
  %y = load ptr, ptr %args, align 8
  %0 = getelementptr i8, ptr %args, i64 8
  %x1 = load ptr, ptr %0, align 8
  %1 = icmp slt i64 %lo, %hi
  br i1 %1, label %loop, label %exit

loop:                                             ; preds = %exit2, %start
  %i = phi i64 [ %lo, %start ], [ %next3, %exit2 ]
  br label %loop1

loop1:                                            ; preds = %loop1, %loop
  %j = phi i64 [ 0, %loop ], [ %next, %loop1 ]
  %2 = mul i64 %j, 16
  %3 = getelementptr i8, ptr %y, i64 %2
  %4 = mul i64 %j, 8
  %5 = getelementptr i8, ptr %x1, i64 %4
  %6 = load <8 x i8>, ptr %5, align 1
  %7 = uitofp <8 x i8> %6 to <8 x float>
  %8 = fmul <8 x float> %7, <float 5.000000e-01, float 5.000000e-01, float 5.000000e-01, float 5.000000e-01, float 5.000000e-01, float 5.000000e-01, float 5.000000e-01, float 5.000000e-01>
  %9 = fptrunc <8 x float> %8 to <8 x half>
  %10 = bitcast <8 x half> %9 to <8 x i16>
  store <8 x i16> %10, ptr %3, align 2
  %next = add nsw i64 %j, 1
  %11 = icmp slt i64 %next, 1
  br i1 %11, label %loop1, label %exit2

exit2:                                            ; preds = %loop1
  %12 = getelementptr i8, ptr %y, i64 16
  %13 = getelementptr i8, ptr %x1, i64 8
  %14 = load i8, ptr %13, align 1
  %15 = insertelement <8 x i8> zeroinitializer, i8 %14, i32 0
  %16 = uitofp <8 x i8> %15 to <8 x float>
  %17 = fmul <8 x float> %16, <float 5.000000e-01, float 5.000000e-01, float 5.000000e-01, float 5.000000e-01, float 5.000000e-01, float 5.000000e-01, float 5.000000e-01, float 5.000000e-01>
  %18 = fptrunc <8 x float> %17 to <8 x half>
  %19 = bitcast <8 x half> %18 to <8 x i16>
  %20 = extractelement <8 x i16> %19, i32 0
  store i16 %20, ptr %12, align 2
  %next3 = add nsw i64 %i, 1
  %21 = icmp slt i64 %next3, %hi
  br i1 %21, label %loop, label %exit

exit:                                             ; preds = %exit2, %start
  ret void
}

; Function Attrs: nounwind
define internal i32 @run(ptr %0, ptr %1, ptr %2, ptr %3) #1 {
entry:
  %4 = call i32 @vitc_execute(ptr @10, ptr %0, ptr %1, ptr %2, ptr %3)
  ret i32 %4
}

declare i32 @vitc_execute(ptr, ptr, ptr, ptr, ptr)

; Function Attrs: nounwind
define i32 @vit_run(ptr %0, ptr %1, ptr %2, ptr %3) #1 {
entry:
  %4 = alloca ptr, align 8
  %5 = getelementptr ptr, ptr %4, i64 0
  store ptr %0, ptr %5, align 8
  %6 = alloca ptr, align 8
  %7 = getelementptr ptr, ptr %6, i64 0
  store ptr %1, ptr %7, align 8
  %8 = call i32 @run(ptr %4, ptr %6, ptr %2, ptr %3)
  ret i32 %8
}

attributes #0 = { nounwind "probe-stack"="inline-asm" "target-cpu"="x86-64-v3" "target-features"="+sse4.2,+popcnt,+ssse3,+sse4.1,+cx16,+avx,+avx2,+bmi,+bmi2,+lzcnt,+movbe,+fma,+f16c" }
attributes #1 = { nounwind "probe-stack"="inline-asm" "target-cpu"="x86-64" "target-features" }

!llvm.module.flags = !{!0, !1}

!0 = !{i32 4, !"cf-protection-branch", i32 1}
!1 = !{i32 4, !"cf-protection-return", i32 1}
