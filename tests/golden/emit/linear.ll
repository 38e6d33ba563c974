; ModuleID = 'vitc'
source_filename = "vitc"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

@vit_model = constant { i32, i32, ptr, ptr, ptr, ptr, i64, i64, i64, i64, i64, i32, i32, ptr, ptr, i32, i32, ptr, ptr, ptr, ptr, i32, i32, ptr } { i32 160, i32 3, ptr @0, ptr @1, ptr @11, ptr @2, i64 128, i64 64, i64 192, i64 24, i64 0, i32 1, i32 1, ptr @4, ptr @6, i32 0, i32 0, ptr null, ptr null, ptr @run, ptr @10, i32 0, i32 0, ptr null }
@0 = private unnamed_addr constant [6 x i8] c"stdin\00", align 1
@1 = private unnamed_addr constant [11 x i8] c"vitc 0.1.0\00", align 1
@2 = private unnamed_addr constant [1 x i8] zeroinitializer, align 1
@3 = private unnamed_addr constant [2 x i8] c"x\00", align 1
@4 = private constant [1 x { ptr, i32, i32, [8 x i64], i64 }] [{ ptr, i32, i32, [8 x i64], i64 } { ptr @3, i32 1, i32 2, [8 x i64] [i64 2, i64 3, i64 1, i64 1, i64 1, i64 1, i64 1, i64 1], i64 24 }]
@5 = private unnamed_addr constant [2 x i8] c"y\00", align 1
@6 = private constant [1 x { ptr, i32, i32, [8 x i64], i64 }] [{ ptr, i32, i32, [8 x i64], i64 } { ptr @5, i32 1, i32 2, [8 x i64] [i64 2, i64 2, i64 1, i64 1, i64 1, i64 1, i64 1, i64 1], i64 16 }]
@vit_weights = external hidden global i8
@weights_anchor = internal externally_initialized constant i64 sub (i64 ptrtoint (ptr @vit_weights to i64), i64 ptrtoint (ptr @weights_anchor to i64))
@7 = private constant [4 x { i32, i32, i64 }] [{ i32, i32, i64 } { i32 3, i32 0, i64 0 }, { i32, i32, i64 } { i32 2, i32 0, i64 0 }, { i32, i32, i64 } { i32 1, i32 0, i64 64 }, { i32, i32, i64 } { i32 1, i32 0, i64 0 }]
@8 = private unnamed_addr constant [7 x i8] c"matmul\00", align 1
@9 = private constant [1 x { ptr, ptr, i32, i32, i64, i64, ptr, i64 }] [{ ptr, ptr, i32, i32, i64, i64, ptr, i64 } { ptr @kernel.matmul_2x2x3_add_gelu, ptr @7, i32 4, i32 1, i64 1, i64 128, ptr @8, i64 24 }]
@10 = private constant { i32, i32, ptr, ptr, i64, i64, i32, i32, ptr, ptr } { i32 3, i32 1, ptr @9, ptr @weights_anchor, i64 0, i64 128, i32 64, i32 0, ptr @vit_model, ptr null }
@11 = private unnamed_addr constant [8 x i8] c"generic\00", align 1

; Function Attrs: nounwind
define internal void @kernel.matmul_2x2x3_add_gelu(ptr %args, ptr %scratch, i64 %lo, i64 %hi) #0 {
entry:
  br label %start

start:                                            ; preds = %entry
  %c = load ptr, ptr %args, align 8
  %0 = getelementptr i8, ptr %args, i64 8
  %a = load ptr, ptr %0, align 8
  %1 = getelementptr i8, ptr %args, i64 16
  %b = load ptr, ptr %1, align 8
  %2 = getelementptr i8, ptr %args, i64 24
  %e0 = load ptr, ptr %2, align 8
  %3 = icmp slt i64 %lo, %hi
  br i1 %3, label %loop, label %exit

loop:                                             ; preds = %exit2, %start
  %i = phi i64 [ %lo, %start ], [ %next14, %exit2 ]
  %4 = sub i64 %lo, %i
  %5 = icmp sgt i64 %4, 0
  %6 = select i1 %5, i64 %4, i64 0
  %7 = sub i64 %hi, %i
  %8 = icmp slt i64 %7, 1
  %9 = select i1 %8, i64 %7, i64 1
  %10 = icmp sgt i64 %6, 0
  %11 = select i1 %10, i64 %6, i64 0
  %12 = icmp slt i64 %11, %9
  br i1 %12, label %loop1, label %exit2

loop1:                                            ; preds = %exit4, %loop
  %j = phi i64 [ %11, %loop ], [ %next13, %exit4 ]
  %13 = mul i64 %j, 32
  %14 = getelementptr i8, ptr %c, i64 %13
  %15 = mul i64 %j, 96
  %16 = getelementptr i8, ptr %b, i64 %15
  %17 = mul i64 %j, 32
  %18 = getelementptr i8, ptr %e0, i64 %17
  br label %loop3

loop3:                                            ; preds = %exit9, %loop1
  %k = phi i64 [ 0, %loop1 ], [ %next12, %exit9 ]
  %19 = mul i64 %k, 2
  %20 = mul i64 %19, 8
  %21 = getelementptr i8, ptr %14, i64 %20
  %22 = mul i64 %19, 12
  %23 = getelementptr i8, ptr %a, i64 %22
  br label %loop6

loop6:                                            ; preds = %loop6, %loop3
  %acc.0 = phi <4 x float> [ zeroinitializer, %loop3 ], [ %34, %loop6 ]
  %acc5.0 = phi <4 x float> [ zeroinitializer, %loop3 ], [ %40, %loop6 ]
  %l = phi i64 [ 0, %loop3 ], [ %next, %loop6 ]
  %24 = mul i64 %l, 4
  %25 = getelementptr i8, ptr %23, i64 %24
  %26 = mul i64 %l, 32
  %27 = getelementptr i8, ptr %16, i64 %26
  %28 = load <2 x float>, ptr %27, align 4
  %29 = shufflevector <2 x float> %28, <2 x float> zeroinitializer, <4 x i32> <i32 0, i32 1, i32 2, i32 2>
  %30 = load float, ptr %25, align 4
  %31 = insertelement <4 x float> poison, float %30, i32 0
  %32 = shufflevector <4 x float> %31, <4 x float> poison, <4 x i32> zeroinitializer
  %33 = fmul <4 x float> %32, %29
  %34 = fadd <4 x float> %33, %acc.0
  %35 = getelementptr i8, ptr %25, i64 12
  %36 = load float, ptr %35, align 4
  %37 = insertelement <4 x float> poison, float %36, i32 0
  %38 = shufflevector <4 x float> %37, <4 x float> poison, <4 x i32> zeroinitializer
  %39 = fmul <4 x float> %38, %29
  %40 = fadd <4 x float> %39, %acc5.0
  %next = add nsw i64 %l, 1
  %41 = icmp slt i64 %next, 3
  br i1 %41, label %loop6, label %exit7

exit7:                                            ; preds = %loop6
  store <4 x float> %34, ptr %scratch, align 4
  %42 = getelementptr i8, ptr %scratch, i64 32
  store <4 x float> %40, ptr %42, align 4
  br label %loop8

loop8:                                            ; preds = %loop8, %exit7
  %l10 = phi i64 [ 0, %exit7 ], [ %next11, %loop8 ]
  %43 = mul i64 %l10, 32
  %44 = getelementptr i8, ptr %scratch, i64 %43
  %45 = mul i64 %l10, 8
  %46 = getelementptr i8, ptr %21, i64 %45
  %47 = load <4 x float>, ptr %44, align 4
  %48 = load <2 x float>, ptr %18, align 4
  %49 = shufflevector <2 x float> %48, <2 x float> zeroinitializer, <4 x i32> <i32 0, i32 1, i32 2, i32 2>
  %50 = fadd <4 x float> %47, %49
  %51 = call <4 x float> @llvm.fabs.v4f32(<4 x float> %50)
  %52 = fcmp olt <4 x float> <float 7.000000e+00, float 7.000000e+00, float 7.000000e+00, float 7.000000e+00>, %51
  %53 = select <4 x i1> %52, <4 x float> <float 7.000000e+00, float 7.000000e+00, float 7.000000e+00, float 7.000000e+00>, <4 x float> %51
  %54 = fmul <4 x float> <float 0xBE92E58000000000, float 0xBE92E58000000000, float 0xBE92E58000000000, float 0xBE92E58000000000>, %53
  %55 = fadd <4 x float> %54, <float 0x3EDE7EC1A0000000, float 0x3EDE7EC1A0000000, float 0x3EDE7EC1A0000000, float 0x3EDE7EC1A0000000>
  %56 = fmul <4 x float> %55, %53
  %57 = fadd <4 x float> %56, <float 0xBF0EF25C00000000, float 0xBF0EF25C00000000, float 0xBF0EF25C00000000, float 0xBF0EF25C00000000>
  %58 = fmul <4 x float> %57, %53
  %59 = fadd <4 x float> %58, <float 0x3F00008FE0000000, float 0x3F00008FE0000000, float 0x3F00008FE0000000, float 0x3F00008FE0000000>
  %60 = fmul <4 x float> %59, %53
  %61 = fadd <4 x float> %60, <float 0x3F58C0D1A0000000, float 0x3F58C0D1A0000000, float 0x3F58C0D1A0000000, float 0x3F58C0D1A0000000>
  %62 = fmul <4 x float> %61, %53
  %63 = fadd <4 x float> %62, <float 0xBF46384260000000, float 0xBF46384260000000, float 0xBF46384260000000, float 0xBF46384260000000>
  %64 = fmul <4 x float> %63, %53
  %65 = fadd <4 x float> %64, <float 0xBFA0587AA0000000, float 0xBFA0587AA0000000, float 0xBFA0587AA0000000, float 0xBFA0587AA0000000>
  %66 = fmul <4 x float> %65, %53
  %67 = fadd <4 x float> %66, <float 0xBFB769CBE0000000, float 0xBFB769CBE0000000, float 0xBFB769CBE0000000, float 0xBFB769CBE0000000>
  %68 = fmul <4 x float> %67, %53
  %69 = fadd <4 x float> %68, <float 0x3FED5818E0000000, float 0x3FED5818E0000000, float 0x3FED5818E0000000, float 0x3FED5818E0000000>
  %70 = fmul <4 x float> %69, %69
  %71 = fmul <4 x float> %70, %70
  %72 = fmul <4 x float> %71, %71
  %73 = fneg <4 x float> %53
  %74 = fcmp ogt <4 x float> zeroinitializer, %50
  %75 = select <4 x i1> %74, <4 x float> zeroinitializer, <4 x float> %50
  %76 = fmul <4 x float> %73, %72
  %77 = fadd <4 x float> %76, %75
  %78 = shufflevector <4 x float> %77, <4 x float> zeroinitializer, <2 x i32> <i32 0, i32 1>
  store <2 x float> %78, ptr %46, align 4
  %next11 = add nsw i64 %l10, 1
  %79 = icmp slt i64 %next11, 2
  br i1 %79, label %loop8, label %exit9

exit9:                                            ; preds = %loop8
  %next12 = add nsw i64 %k, 1
  %80 = icmp slt i64 %next12, 1
  br i1 %80, label %loop3, label %exit4

exit4:                                            ; preds = %exit9
  %next13 = add nsw i64 %j, 1
  %81 = icmp slt i64 %next13, %9
  br i1 %81, label %loop1, label %exit2

exit2:                                            ; preds = %exit4, %loop
  %next14 = add nsw i64 %i, 1
  %82 = icmp slt i64 %next14, %hi
  br i1 %82, label %loop, label %exit

exit:                                             ; preds = %exit2, %start
  ret void
}

; Function Attrs: nocallback nofree nosync nounwind speculatable willreturn memory(none)
declare <4 x float> @llvm.fabs.v4f32(<4 x float>) #1

; Function Attrs: nounwind
define internal i32 @run(ptr %0, ptr %1, ptr %2, ptr %3) #0 {
entry:
  %4 = call i32 @vitc_execute(ptr @10, ptr %0, ptr %1, ptr %2, ptr %3)
  ret i32 %4
}

declare i32 @vitc_execute(ptr, ptr, ptr, ptr, ptr)

; Function Attrs: nounwind
define i32 @vit_run(ptr %0, ptr %1, ptr %2, ptr %3) #0 {
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

attributes #0 = { nounwind "probe-stack"="inline-asm" "target-cpu"="x86-64" "target-features" }
attributes #1 = { nocallback nofree nosync nounwind speculatable willreturn memory(none) }

!llvm.module.flags = !{!0, !1}

!0 = !{i32 4, !"cf-protection-branch", i32 1}
!1 = !{i32 4, !"cf-protection-return", i32 1}
