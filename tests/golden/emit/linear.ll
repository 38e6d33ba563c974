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
define internal void @kernel.matmul_2x2x3_add_gelu(ptr %0, ptr %1, i64 %2, i64 %3) #0 {
entry:
  br label %start

start:                                            ; preds = %entry
  %c = load ptr, ptr %0, align 8
  %4 = getelementptr i8, ptr %0, i64 8
  %a = load ptr, ptr %4, align 8
  %5 = getelementptr i8, ptr %0, i64 16
  %b = load ptr, ptr %5, align 8
  %6 = getelementptr i8, ptr %0, i64 24
  %e0 = load ptr, ptr %6, align 8
  %7 = icmp slt i64 %2, %3
  br i1 %7, label %loop, label %exit

loop:                                             ; preds = %exit2, %start
  %8 = phi i64 [ %2, %start ], [ %95, %exit2 ]
  %9 = sub i64 %2, %8
  %10 = icmp sgt i64 %9, 0
  %11 = select i1 %10, i64 %9, i64 0
  %12 = sub i64 %3, %8
  %13 = icmp slt i64 %12, 1
  %14 = select i1 %13, i64 %12, i64 1
  %15 = icmp sgt i64 %11, 0
  %16 = select i1 %15, i64 %11, i64 0
  %17 = icmp slt i64 %16, %14
  br i1 %17, label %loop1, label %exit2

loop1:                                            ; preds = %exit4, %loop
  %18 = phi i64 [ %16, %loop ], [ %93, %exit4 ]
  %19 = mul i64 %18, 32
  %20 = getelementptr i8, ptr %c, i64 %19
  %21 = mul i64 %18, 96
  %22 = getelementptr i8, ptr %b, i64 %21
  %23 = mul i64 %18, 32
  %24 = getelementptr i8, ptr %e0, i64 %23
  br label %loop3

loop3:                                            ; preds = %exit8, %loop1
  %25 = phi i64 [ 0, %loop1 ], [ %91, %exit8 ]
  %26 = mul i64 %25, 2
  %27 = mul i64 %26, 8
  %28 = getelementptr i8, ptr %20, i64 %27
  %29 = mul i64 %26, 12
  %30 = getelementptr i8, ptr %a, i64 %29
  br label %loop5

loop5:                                            ; preds = %loop5, %loop3
  %.09 = phi <4 x float> [ zeroinitializer, %loop3 ], [ %42, %loop5 ]
  %.0 = phi <4 x float> [ zeroinitializer, %loop3 ], [ %48, %loop5 ]
  %31 = phi i64 [ 0, %loop3 ], [ %49, %loop5 ]
  %32 = mul i64 %31, 4
  %33 = getelementptr i8, ptr %30, i64 %32
  %34 = mul i64 %31, 32
  %35 = getelementptr i8, ptr %22, i64 %34
  %36 = load <2 x float>, ptr %35, align 4
  %37 = shufflevector <2 x float> %36, <2 x float> zeroinitializer, <4 x i32> <i32 0, i32 1, i32 2, i32 2>
  %38 = load float, ptr %33, align 4
  %39 = insertelement <4 x float> poison, float %38, i32 0
  %40 = shufflevector <4 x float> %39, <4 x float> poison, <4 x i32> zeroinitializer
  %41 = fmul <4 x float> %40, %37
  %42 = fadd <4 x float> %41, %.09
  %43 = getelementptr i8, ptr %33, i64 12
  %44 = load float, ptr %43, align 4
  %45 = insertelement <4 x float> poison, float %44, i32 0
  %46 = shufflevector <4 x float> %45, <4 x float> poison, <4 x i32> zeroinitializer
  %47 = fmul <4 x float> %46, %37
  %48 = fadd <4 x float> %47, %.0
  %49 = add nsw i64 %31, 1
  %50 = icmp slt i64 %49, 3
  br i1 %50, label %loop5, label %exit6

exit6:                                            ; preds = %loop5
  store <4 x float> %42, ptr %1, align 4
  %51 = getelementptr i8, ptr %1, i64 32
  store <4 x float> %48, ptr %51, align 4
  br label %loop7

loop7:                                            ; preds = %loop7, %exit6
  %52 = phi i64 [ 0, %exit6 ], [ %89, %loop7 ]
  %53 = mul i64 %52, 32
  %54 = getelementptr i8, ptr %1, i64 %53
  %55 = mul i64 %52, 8
  %56 = getelementptr i8, ptr %28, i64 %55
  %57 = load <4 x float>, ptr %54, align 4
  %58 = load <2 x float>, ptr %24, align 4
  %59 = shufflevector <2 x float> %58, <2 x float> zeroinitializer, <4 x i32> <i32 0, i32 1, i32 2, i32 2>
  %60 = fadd <4 x float> %57, %59
  %61 = call <4 x float> @llvm.fabs.v4f32(<4 x float> %60)
  %62 = fcmp olt <4 x float> <float 7.000000e+00, float 7.000000e+00, float 7.000000e+00, float 7.000000e+00>, %61
  %63 = select <4 x i1> %62, <4 x float> <float 7.000000e+00, float 7.000000e+00, float 7.000000e+00, float 7.000000e+00>, <4 x float> %61
  %64 = fmul <4 x float> <float 0xBE92E58000000000, float 0xBE92E58000000000, float 0xBE92E58000000000, float 0xBE92E58000000000>, %63
  %65 = fadd <4 x float> %64, <float 0x3EDE7EC1A0000000, float 0x3EDE7EC1A0000000, float 0x3EDE7EC1A0000000, float 0x3EDE7EC1A0000000>
  %66 = fmul <4 x float> %65, %63
  %67 = fadd <4 x float> %66, <float 0xBF0EF25C00000000, float 0xBF0EF25C00000000, float 0xBF0EF25C00000000, float 0xBF0EF25C00000000>
  %68 = fmul <4 x float> %67, %63
  %69 = fadd <4 x float> %68, <float 0x3F00008FE0000000, float 0x3F00008FE0000000, float 0x3F00008FE0000000, float 0x3F00008FE0000000>
  %70 = fmul <4 x float> %69, %63
  %71 = fadd <4 x float> %70, <float 0x3F58C0D1A0000000, float 0x3F58C0D1A0000000, float 0x3F58C0D1A0000000, float 0x3F58C0D1A0000000>
  %72 = fmul <4 x float> %71, %63
  %73 = fadd <4 x float> %72, <float 0xBF46384260000000, float 0xBF46384260000000, float 0xBF46384260000000, float 0xBF46384260000000>
  %74 = fmul <4 x float> %73, %63
  %75 = fadd <4 x float> %74, <float 0xBFA0587AA0000000, float 0xBFA0587AA0000000, float 0xBFA0587AA0000000, float 0xBFA0587AA0000000>
  %76 = fmul <4 x float> %75, %63
  %77 = fadd <4 x float> %76, <float 0xBFB769CBE0000000, float 0xBFB769CBE0000000, float 0xBFB769CBE0000000, float 0xBFB769CBE0000000>
  %78 = fmul <4 x float> %77, %63
  %79 = fadd <4 x float> %78, <float 0x3FED5818E0000000, float 0x3FED5818E0000000, float 0x3FED5818E0000000, float 0x3FED5818E0000000>
  %80 = fmul <4 x float> %79, %79
  %81 = fmul <4 x float> %80, %80
  %82 = fmul <4 x float> %81, %81
  %83 = fneg <4 x float> %63
  %84 = fcmp ogt <4 x float> zeroinitializer, %60
  %85 = select <4 x i1> %84, <4 x float> zeroinitializer, <4 x float> %60
  %86 = fmul <4 x float> %83, %82
  %87 = fadd <4 x float> %86, %85
  %88 = shufflevector <4 x float> %87, <4 x float> zeroinitializer, <2 x i32> <i32 0, i32 1>
  store <2 x float> %88, ptr %56, align 4
  %89 = add nsw i64 %52, 1
  %90 = icmp slt i64 %89, 2
  br i1 %90, label %loop7, label %exit8

exit8:                                            ; preds = %loop7
  %91 = add nsw i64 %25, 1
  %92 = icmp slt i64 %91, 1
  br i1 %92, label %loop3, label %exit4

exit4:                                            ; preds = %exit8
  %93 = add nsw i64 %18, 1
  %94 = icmp slt i64 %93, %14
  br i1 %94, label %loop1, label %exit2

exit2:                                            ; preds = %exit4, %loop
  %95 = add nsw i64 %8, 1
  %96 = icmp slt i64 %95, %3
  br i1 %96, label %loop, label %exit

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
